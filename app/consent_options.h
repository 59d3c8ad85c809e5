/* consent_options.h - a sheet as words: options of `kakehashi consent add`, columns of its tables. Threads: one at a time. */
#ifndef KH_APP_CONSENT_OPTIONS_H
#define KH_APP_CONSENT_OPTIONS_H

#include "access/consents.h"
#include "app/args.h"
#include "app/rights_command.h"

typedef enum kh_consent_word {
    KH_WORD_FORM,
    KH_WORD_DIRECTION,
    KH_WORD_PLACES,
    KH_WORD_PERSON,
    KH_WORD_TEAM,
    KH_WORD_MEMBERS,
    KH_WORD_EXCLUDED,
    KH_WORD_SIGNED,
    KH_WORD_SIGNER,
    KH_WORD_PROXY_NAME,
    KH_WORD_PROXY_RELATION,
    KH_WORD_EXPLAINER,
    KH_WORD_DEPARTMENT,
    KH_WORD_FAX,
    KH_WORD_HOLDER,
    KH_WORD_AUTHOR,
    KH_WORD_FROM,
    KH_WORD_TO,
    KH_WORD_LOOK_BACK,
    KH_WORD_ITEMS,
    KH_WORD_MODALITIES,
    KH_WORD_SHEET_OF,
    KH_WORD_EXPLAINED,
    KH_WORD_FLOORS, /* of tables only */
    KH_WORDS
} kh_consent_word;
/* "form": the column; with "--" before it and "-" for "_" the option. */
extern const char *const kh_consent_words[KH_WORDS];

typedef struct kh_consent_options {
    const char *words[KH_WORDS]; /* NULL or "": not given */
} kh_consent_options;

#define KH_CONSENT_OPTIONS KH_WORD_EXPLAINED
/* Those before KH_WORD_EXPLAINED, which is a flag of its own, into out; returns how many. */
size_t kh_consent_options_table(kh_consent_options *o, kh_option *out);

typedef struct kh_consent_filled {
    kh_consent_sheet sheet; /* points into the rest and into the options */
    kh_rights_place places[KH_CONSENT_SITES_MAX];
    kh_consent_place named[KH_CONSENT_SITES_MAX];
    char lists[2][KH_CONSENT_EXCLUDED_MAX * 66];
    const char *items[2][KH_CONSENT_EXCLUDED_MAX];
} kh_consent_filled;
/* out must not be moved. at: where it was taken. KH_E_ARG with the word. */
KH_MUST_USE kh_status kh_consent_options_fill(kh_consent_filled *out, const kh_rights_place *at, const kh_consent_options *o,
                                              kh_error *err);

#endif
