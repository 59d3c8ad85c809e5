#include "access/subject.h"

#include <stddef.h>
#include <string.h>

static const char *const names[] = {[KH_ROLE_DOCTOR] = "doctor",           [KH_ROLE_NURSE] = "nurse",
                                    [KH_ROLE_RADIOLOGIST] = "radiologist", [KH_ROLE_RADIOGRAPHER] = "radiographer",
                                    [KH_ROLE_REGISTRAR] = "registrar",     [KH_ROLE_MANAGER] = "manager",
                                    [KH_ROLE_OFFICE] = "office",           [KH_ROLE_AUDITOR] = "auditor"};

const char *kh_role_text(kh_person_role role)
{
    return role >= KH_ROLE_DOCTOR && role <= KH_ROLE_LAST ? names[role] : NULL;
}

kh_person_role kh_role_of(const char *text)
{
    for (int role = KH_ROLE_DOCTOR; role <= KH_ROLE_LAST; role++)
        if (strcmp(names[role], text) == 0)
            return (kh_person_role)role;
    return (kh_person_role)0;
}
