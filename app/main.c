#include <locale.h>
#include "app/command.h"

int main(int argc, char **argv)
{
    /* Numbers stay as C writes them; the locale only tells whether a terminal understands more than ASCII. */
    setlocale(LC_CTYPE, "");
    return kh_commands_main(argc, argv);
}
