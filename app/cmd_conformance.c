/* The DICOM conformance statement (PS3.2), written from the tables the program itself works by, so that it cannot say other
 * things than the code does. docs/conformance.md is its output; a test keeps the two equal. */
#include <stdio.h>
#include "app/command.h"
#include "app/conformance_web.h"
#include "app/settings.h"
#include "cache/search.h"
#include "dicom/made.h"
#include "dicom/presentation.h"
#include "dicom/codec/codec.h"
#include "dicom/dictionary.h"
#include "dicom/syntax.h"
#include "pacs-bridge/dimse_status.h"
#include "pacs-bridge/get_contexts.h"

static void print_head(void)
{
    puts("# DICOM conformance statement\n\n"
         "Written by `kakehashi conformance` from the program's own tables.\n\n"
         "## Application entity\n\n"
         "One application entity, title configurable (`[dicom] ae_title`), over TCP/IP, with TLS or without. DICOM application context\n"
         "1.2.840.10008.3.1.1.1. Callers must be known as nodes and call our title, else the association is rejected\n"
         "(calling or called AE title not recognized); past the configured number of associations it is rejected transiently\n"
         "(local limit exceeded).\n");
    printf(
        "| setting | default |\n| --- | --- |\n| AE title | `%s` |\n| port | %lld |\n| associations at once, in all and from one address | %lld, %lld |\n"
        "| time to finish an association request | %lld s |\n| longest wait within a message | %lld s |\n| idle association closed after | %lld s |\n\n",
        kh_settings_default.dicom_ae_title, (long long)kh_settings_default.dicom_port, (long long)kh_settings_default.dicom_associations,
        (long long)kh_settings_default.dicom_associations_per_address, (long long)kh_settings_default.dicom_associate_ms / 1000,
        (long long)kh_settings_default.dicom_pdu_ms / 1000, (long long)kh_settings_default.dicom_idle_ms / 1000);
}

static void print_services(void)
{
    puts("## Services\n\n"
         "| service | role | for |\n| --- | --- | --- |\n"
         "| Verification (" KH_SOP_VERIFICATION ") | SCP, SCU | `kakehashi node echo` |\n"
         "| Storage, every class of the table below | SCP | pushes, and the sub-operations of our own retrievals |\n"
         "| Patient Root Query/Retrieve - FIND (" KH_SOP_PATIENT_ROOT_FIND ") | SCP | levels PATIENT, STUDY, SERIES and IMAGE |\n"
         "| Study Root Query/Retrieve - FIND (" KH_SOP_STUDY_ROOT_FIND
         ") | SCP, SCU | levels STUDY, SERIES and IMAGE; as SCU hierarchical |\n"
         "| Patient Root Query/Retrieve - MOVE (" KH_SOP_PATIENT_ROOT_MOVE ") | SCP | to nodes with an address |\n"
         "| Study Root Query/Retrieve - MOVE (" KH_SOP_STUDY_ROOT_MOVE
         ") | SCP, SCU | to nodes with an address; as SCU to our own AE title |\n"
         "| Patient Root Query/Retrieve - GET (" KH_SOP_PATIENT_ROOT_GET ") | SCP | with SCP role selection for storage classes |\n"
         "| Study Root Query/Retrieve - GET (" KH_SOP_STUDY_ROOT_GET
         ") | SCP, SCU | with SCP role selection for storage classes; as SCU from nodes with `--retrieve get` |\n"
         "| Storage Commitment Push Model (" KH_SOP_COMMITMENT
         ") | SCP, SCU | reports on a new association with role selection, or on the one of "
         "the request; `kakehashi send --commit` |\n"
         "| Storage, the classes and transfer syntaxes of what is sent | SCU | sub-operations of C-MOVE and C-GET, `kakehashi send` |\n\n"
         "Data sets are kept byte for byte as received, storage level 2 (full), no attribute is coerced. Success is answered after\n"
         "the object and its index entry are durable. An object that is sent again with the same content is answered with success\n"
         "and kept once; with other content the first stays, the second is set aside and logged.\n");
}

static void print_queries(void)
{
    static const char *const levels[] = {"PATIENT", "STUDY", "SERIES", "IMAGE"};
    size_t count;
    const kh_search_attribute *attributes = kh_search_attribute_table(&count);

    printf(
        "## Queries answered\n\n"
        "Nodes that may query (`kakehashi node add --may-query`) are answered from the index; others get 0124. Queries are hierarchical;\n"
        "relational queries are granted when they are negotiated, no other extended negotiation is. An identifier that breaks the\n"
        "hierarchy or holds a key that its VR does not allow is answered with A900 and a comment. Matching is as in PS3.4 C.2.2.2: single\n"
        "values, wild cards, ranges, lists of UIDs, universal. Person names match without regard to case, width, and hiragana or katakana; a key\n"
        "without `=` may match any component group, one with `=` matches group by group. Several values of a CS or AE key match\n"
        "each by itself. Keys that the index does not know, and keys below the level, are left out of the answers (FF01). Patients and studies\n"
        "come newest first. Answers are in the Specific Character Set of the request if it can write them, else in the one configured for\n"
        "the node, else in ISO_IR 192. A query with more than `[dicom] answers` (%lld) matches ends with A700 after these.\n"
        "C-CANCEL is honoured between two answers. Issuer of Patient ID is the hospital's name here.\n"
        "Instance Availability is ONLINE, or NEARLINE when any of it is at its hospital and comes back on demand: a retrieval of it fetches it\n"
        "first and waits for that up to `[dicom] recall`; what is not back by then is a failed sub-operation.\n\n"
        "| tag | attribute | level |\n| --- | --- | --- |\n",
        (long long)kh_settings_default.dicom_answers);
    for (size_t i = 0; i < count; i++)
        if (attributes[i].within == 0)
            printf("| (%04X,%04X) | %s%s | %s |\n", KH_TAG_ARGS(attributes[i].tag), kh_dictionary_keyword(attributes[i].tag),
                   attributes[i].unique ? ", unique key" : "", levels[attributes[i].level]);
    putchar('\n');
}

/* A class's contexts stand next to each other. */
static void print_get_contexts(void)
{
    kh_get_contexts contexts;
    const char *last = "";

    kh_get_contexts_init(&contexts, "");
    for (size_t i = 0; i < contexts.count; i++) {
        const kh_proposal *one = &contexts.proposals[i];
        const kh_sop_class *known = kh_sop_class_find(one->abstract_syntax);

        if (one->abstract_syntax != last)
            printf("%s| %s | ", i ? " |\n" : "", known ? known->name : one->abstract_syntax);
        for (size_t k = 0; k < one->transfer_syntax_count; k++)
            printf("%s%s", one->abstract_syntax == last || k ? ", " : "", one->transfer_syntaxes[k]);
        last = one->abstract_syntax;
    }
    puts(" |\n");
}

static void print_retrievals(void)
{
    puts(
        "## Retrievals answered\n\n"
        "Nodes that may query may retrieve. Objects are sent byte for byte as they are held, each in its own transfer syntax: one presentation\n"
        "context for each SOP class and transfer syntax, and one for each class with Explicit and Implicit VR Little Endian. Only where the\n"
        "first was not accepted an object is written anew in the second: compressed pixel data are decoded, Photometric Interpretation, Bits\n"
        "Allocated and their like say what came out, Lossy Image Compression stays or becomes 01, the SOP Instance UID stays. Nothing is ever\n"
        "compressed. What cannot be sent in either is a failed sub-operation. For C-GET a context that offers several syntaxes is\n"
        "accepted in Explicit, else in Implicit VR Little Endian where it offers them. A pending response with the four counts follows each sub-operation; C-CANCEL is honoured before the next one.\n\n"
        "| final status | when |\n| --- | --- |\n"
        "| 0000 | all sub-operations succeeded, or nothing matched |\n"
        "| B000 | some failed, or ended with a warning; those that failed are in Failed SOP Instance UID List (0008,0058) |\n"
        "| A702 | all failed; likewise |\n"
        "| A701 | the matches cannot be counted, or there are more than 200,000 |\n"
        "| A801 | no node with an address has the AE title of the move destination |\n"
        "| A900 | the identifier breaks the hierarchy, or lacks the unique key of its level |\n"
        "| FE00 | cancelled |\n"
        "| 0124 | the node may not retrieve |\n\n"
        "## Retrievals asked for\n\n"
        "From a node with `--retrieve move` (the default) studies are fetched by C-MOVE to our own AE title, from one with `--retrieve get`\n"
        "by C-GET. For C-GET these contexts are proposed with the SCP role, the first two syntaxes together, each other by itself. To a\n"
        "node with `--syntaxes` the compressed ones of its list are proposed instead (the first five), as far as there is room for classes\n"
        "with none here too, and of the first two those that it names, if it names any:\n\n"
        "| SOP class | transfer syntaxes |\n| --- | --- |");
    print_get_contexts();
}

static void print_commitment(void)
{
    printf(
        "## Storage commitment\n\n"
        "A node that may store may ask (N-ACTION, action type 1) for up to `[commitment] references` (%lld) objects; 0213 above that, or when\n"
        "`open` (%lld) requests wait. A request is durable when it is answered with 0000; one with the same Transaction UID takes the place of\n"
        "an earlier one of that node. An object is committed when the index holds it for the node's facility, in that SOP class, and its file\n"
        "is whole (`checksums = yes`: by its SHA-256). Its study is kept from eviction for `keep` (%lld h) after the report. The report\n"
        "(N-EVENT-REPORT, event type 1 or 2) goes on the association of the request when the requestor stays silent on it for `stay`\n"
        "(%lld ms), else on a new one to the node's address, where the SCP role is proposed; it is tried again with growing delay, %lld times,\n"
        "and each time the node opens an association: on that one, when it has this class and is silent for `stay`, else on a new one.\n\n"
        "| Failure Reason | when |\n| --- | --- |\n"
        "| 0110 | the file is missing or not whole, or the object is away |\n"
        "| 0112 | no such object of this facility |\n"
        "| 0119 | the object has another SOP class |\n"
        "| 0122 | the SOP class is no storage class, and there is no such object |\n\n"
        "As SCU the service asks in Explicit or Implicit VR Little Endian, waits 5 s for the report on that association, then for `patience`\n"
        "(%lld h) on any association the node makes; an object that the report does not name counts as not committed.\n\n",
        (long long)kh_settings_default.commitment_references, (long long)kh_settings_default.commitment_open,
        (long long)kh_settings_default.commitment_keep_ms / 3600000, (long long)kh_settings_default.commitment_stay_ms,
        (long long)kh_settings_default.commitment_attempts, (long long)kh_settings_default.commitment_patience_ms / 3600000);
}

static void print_statuses(void)
{
    static const struct {
        kh_status status;
        const char *when;
    } rows[] = {
        {KH_OK, "the object is durable, or was here already"},
        {KH_E_FULL, "disk full or below its reserve, disk error, busy: send again later"},
        {KH_E_CONFLICT, "SOP Class or Instance UID of the data set differs from the announced one"},
        {KH_E_FORMAT, "the data set breaks its encoding or lacks an attribute it must have"},
        {KH_E_LIMIT, "larger or deeper than the configured limits"},
        {KH_E_UNSUPPORTED, "not a storage SOP class"},
        {KH_E_DENIED, "the node may not store"},
        {KH_E_INTERNAL, "our own mistake"},
    };

    puts("## Status of a C-STORE response\n\n| status | when |\n| --- | --- |");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        printf("| %04X %s | %s |\n", kh_dimse_status_store(rows[i].status),
               kh_dimse_status_text(kh_dimse_status_store(rows[i].status)), rows[i].when);
    putchar('\n');
}

static const char *shown(const kh_transfer_syntax *syntax)
{
    if (syntax->codec == KH_CODEC_NATIVE || kh_codec_supports(syntax->uid))
        return "yes";
    return "kept, not shown";
}

static void print_syntaxes(void)
{
    size_t count;
    const kh_transfer_syntax *syntaxes = kh_transfer_syntax_table(&count);

    puts("## Transfer syntaxes received\n\n"
         "JPEG 2000 Part 2 (.92, .93): streams that use none of its extensions are shown, arrays of components over several frames are\n"
         "kept and not shown.\n\n| UID | name | pictures |\n| --- | --- | --- |");
    for (size_t i = 0; i < count; i++)
        printf("| %s | %s | %s |\n", syntaxes[i].uid, syntaxes[i].name, shown(&syntaxes[i]));
    putchar('\n');
}

static void print_classes(void)
{
    size_t count;
    const kh_sop_class *classes = kh_sop_class_table(&count);

    puts("## Storage SOP classes received\n\n"
         "Classes that the standard adds under 1.2.840.10008.5.1.4.1.1 later are received as well.\n\n"
         "| UID | name |\n| --- | --- |");
    for (size_t i = 0; i < count; i++)
        if (classes[i].storage)
            printf("| %s | %s |\n", classes[i].uid, classes[i].name);
}

static void print_made(void)
{
    puts(
        "\n## Objects made here\n\n"
        "Of readers' marks, in Explicit VR Little Endian and ISO_IR 192, when a reader asks for it.\n\n"
        "| UID | content |\n| --- | --- |\n"
        "| " KH_SOP_KEY_OBJECTS " | key images: PS3.16 TID 2010, title (113000, DCM, \"Of Interest\") |\n"
        "| " KH_SOP_GRAYSCALE_PRESENTATION
        " | one graphic layer, rescale, and as the reader has it on the screen: window, displayed area, turn and flip, inversion; else the image's window, the whole of it |\n"
        "| " KH_SOP_COLOR_PRESENTATION " | the same of colour images, without a window; ICC profile sRGB |\n"
        "| " KH_SOP_COMPREHENSIVE_SR " | measurements: TID 1500, groups of TID 1501 and 1410; PARTIAL, UNVERIFIED |");
}

static void print_applied(void)
{
    puts("\n## Presentation states applied\n\n"
         "In the viewer, when a reader chooses one, to the images and frames that it names. What stands in place of what the image says: Modality LUT\n"
         "(rescale or table; none: identity), Softcopy VOI LUT (window of each function, or table; none: the whole range), Presentation LUT (shape or table),\n"
         "display shutters (rectangular, circular, polygonal), overlay activation (drawn white), spatial transformation, displayed area (SCALE TO FIT, TRUE\n"
         "SIZE, MAGNIFY), graphic layers with recommended CIELab or grey values, graphic and text objects in PIXEL and DISPLAY units. Not applied, and told to\n"
         "the reader: mask subtraction, bitmap shutters, ICC profiles, pseudo-colour palettes, compound graphics, line and text styles, curves.\n\n"
         "| UID | name |\n| --- | --- |");
    for (size_t i = 0; kh_presentation_class(i); i++)
        printf("| %s | %s |\n", kh_presentation_class(i), kh_sop_class_find(kh_presentation_class(i))->name);
}

static void print_charsets(void)
{
    puts(
        "## Character sets\n\n"
        "Read: ISO_IR 6, 13, 100, 101, 109, 110, 126, 127, 138, 144, 148, 166, 192, GB18030, GBK, and with code extensions\n"
        "ISO 2022 IR 6, 13, 58, 87, 100 to 148, 149, 159, 166 (PS3.5 6.1.2.5). What is not what it declares to be is shown as well as possible.\n"
        "Text is served as UTF-8; stored objects keep their own. Query keys are sent in the node's configured character set.\n");
}

static int run(const kh_command *self, int argc, char **argv)
{
    kh_args args;
    int status = kh_command_begin(self, &args, argc, argv, NULL, 0);

    if (status != KH_COMMAND_GO)
        return status;
    print_head();
    print_services();
    print_queries();
    print_retrievals();
    print_commitment();
    print_statuses();
    print_charsets();
    print_syntaxes();
    print_classes();
    print_made();
    print_applied();
    kh_conformance_web();
    return KH_EXIT_OK;
}

const kh_command kh_command_conformance = {
    .name = "conformance",
    .summary = "print the DICOM conformance statement",
    .help = "NAME\n"
            "  kakehashi conformance - print the DICOM conformance statement\n\n"
            "SYNOPSIS\n"
            "  kakehashi conformance\n\n"
            "DESCRIPTION\n"
            "  Prints, as Markdown, what the service speaks: SOP classes, transfer syntaxes, statuses, limits. It is written from\n"
            "  the tables the program works by. The hospital's IT asks for it before a node is connected.\n\n"
            "OPTIONS\n" KH_ARGS_COMMON_HELP "\n"
            "EXAMPLES\n"
            "  kakehashi conformance > conformance.md\n\n"
            "EXIT STATUS\n"
            "  0 done, 2 not understood\n",
    .run = run,
};
