/* nets.h - lists of IPv4 addresses and nets, as "10.1.2.0/24,10.2.0.1"; blanks after a comma are welcome. Threads: pure functions. */
#ifndef KH_BASE_NETS_H
#define KH_BASE_NETS_H

#include <stdbool.h>
#include "base/error.h"

/* Is the IPv4 address in one of the nets? "": any. */
bool kh_nets_hold(const char *nets, const char *address);
/* KH_E_ARG when it is not such a list. */
KH_MUST_USE kh_status kh_nets_check(const char *nets, kh_error *err);

#endif
