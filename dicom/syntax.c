/* syntax.c - transfer syntaxes (PS3.5 annex A, PS3.6 A) and the form of UIDs (PS3.5 9.1). */
#include "dicom/syntax.h"

#include <string.h>

static const kh_transfer_syntax transfer_syntaxes[] = {
    /* uid, name, codec, explicit VR, big endian, deflated, lossy */
    {KH_TS_IMPLICIT_LE, "Implicit VR Little Endian", KH_CODEC_NATIVE, false, false, false, false},
    {KH_TS_EXPLICIT_LE, "Explicit VR Little Endian", KH_CODEC_NATIVE, true, false, false, false},
    {KH_TS_DEFLATED_LE, "Deflated Explicit VR Little Endian", KH_CODEC_NATIVE, true, false, true, false},
    {KH_TS_EXPLICIT_BE, "Explicit VR Big Endian", KH_CODEC_NATIVE, true, true, false, false},
    {KH_TS_JPEG_BASELINE, "JPEG Baseline (Process 1)", KH_CODEC_JPEG, true, false, false, true},
    {KH_TS_JPEG_EXTENDED, "JPEG Extended (Process 2 & 4)", KH_CODEC_JPEG, true, false, false, true},
    {"1.2.840.10008.1.2.4.52", "JPEG Extended (Process 3 & 5) (Retired)", KH_CODEC_JPEG, true, false, false, true},
    {"1.2.840.10008.1.2.4.53", "JPEG Spectral Selection, Non-Hierarchical (Process 6 & 8) (Retired)", KH_CODEC_JPEG,
     true, false, false, true},
    {"1.2.840.10008.1.2.4.54", "JPEG Spectral Selection, Non-Hierarchical (Process 7 & 9) (Retired)", KH_CODEC_JPEG,
     true, false, false, true},
    {"1.2.840.10008.1.2.4.55", "JPEG Full Progression, Non-Hierarchical (Process 10 & 12) (Retired)", KH_CODEC_JPEG,
     true, false, false, true},
    {"1.2.840.10008.1.2.4.56", "JPEG Full Progression, Non-Hierarchical (Process 11 & 13) (Retired)", KH_CODEC_JPEG,
     true, false, false, true},
    {KH_TS_JPEG_LOSSLESS, "JPEG Lossless, Non-Hierarchical (Process 14)", KH_CODEC_JPEG, true, false, false, false},
    {"1.2.840.10008.1.2.4.58", "JPEG Lossless, Non-Hierarchical (Process 15) (Retired)", KH_CODEC_JPEG, true, false,
     false, false},
    {"1.2.840.10008.1.2.4.59", "JPEG Extended, Hierarchical (Process 16 & 18) (Retired)", KH_CODEC_OTHER, true, false, false,
     true},
    {"1.2.840.10008.1.2.4.60", "JPEG Extended, Hierarchical (Process 17 & 19) (Retired)", KH_CODEC_OTHER, true, false, false,
     true},
    {"1.2.840.10008.1.2.4.61", "JPEG Spectral Selection, Hierarchical (Process 20 & 22) (Retired)", KH_CODEC_OTHER, true, false, false,
     true},
    {"1.2.840.10008.1.2.4.62", "JPEG Spectral Selection, Hierarchical (Process 21 & 23) (Retired)", KH_CODEC_OTHER, true, false, false,
     true},
    {"1.2.840.10008.1.2.4.63", "JPEG Full Progression, Hierarchical (Process 24 & 26) (Retired)", KH_CODEC_OTHER, true, false, false,
     true},
    {"1.2.840.10008.1.2.4.64", "JPEG Full Progression, Hierarchical (Process 25 & 27) (Retired)", KH_CODEC_OTHER, true, false, false,
     true},
    {"1.2.840.10008.1.2.4.65", "JPEG Lossless, Hierarchical (Process 28) (Retired)", KH_CODEC_OTHER, true, false, false,
     false},
    {"1.2.840.10008.1.2.4.66", "JPEG Lossless, Hierarchical (Process 29) (Retired)", KH_CODEC_OTHER, true, false, false,
     false},
    {KH_TS_JPEG_LOSSLESS_SV1, "JPEG Lossless, Non-Hierarchical, First-Order Prediction (Process 14, SV 1)",
     KH_CODEC_JPEG, true, false, false, false},
    {"1.2.840.10008.1.2.4.80", "JPEG-LS Lossless", KH_CODEC_JPEG_LS, true, false, false, false},
    {"1.2.840.10008.1.2.4.81", "JPEG-LS Lossy (Near-Lossless)", KH_CODEC_JPEG_LS, true, false, false, true},
    {"1.2.840.10008.1.2.4.90", "JPEG 2000 (Lossless Only)", KH_CODEC_JPEG_2000, true, false, false, false},
    {"1.2.840.10008.1.2.4.91", "JPEG 2000", KH_CODEC_JPEG_2000, true, false, false, true},
    {"1.2.840.10008.1.2.4.92", "JPEG 2000 Part 2 Multi-component (Lossless Only)", KH_CODEC_JPEG_2000, true, false,
     false, false},
    {"1.2.840.10008.1.2.4.93", "JPEG 2000 Part 2 Multi-component", KH_CODEC_JPEG_2000, true, false, false, true},
    {"1.2.840.10008.1.2.4.94", "JPIP Referenced", KH_CODEC_OTHER, true, false, false, false},
    {"1.2.840.10008.1.2.4.95", "JPIP Referenced Deflate", KH_CODEC_OTHER, true, false, true, false},
    {"1.2.840.10008.1.2.4.100", "MPEG2 Main Profile / Main Level", KH_CODEC_VIDEO, true, false, false, true},
    {"1.2.840.10008.1.2.4.100.1", "Fragmentable MPEG2 Main Profile / Main Level", KH_CODEC_VIDEO, true, false, false,
     true},
    {"1.2.840.10008.1.2.4.101", "MPEG2 Main Profile / High Level", KH_CODEC_VIDEO, true, false, false, true},
    {"1.2.840.10008.1.2.4.101.1", "Fragmentable MPEG2 Main Profile / High Level", KH_CODEC_VIDEO, true, false, false,
     true},
    {"1.2.840.10008.1.2.4.102", "MPEG-4 AVC/H.264 High Profile / Level 4.1", KH_CODEC_VIDEO, true, false, false, true},
    {"1.2.840.10008.1.2.4.102.1", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.1", KH_CODEC_VIDEO, true, false,
     false, true},
    {"1.2.840.10008.1.2.4.103", "MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1", KH_CODEC_VIDEO, true, false,
     false, true},
    {"1.2.840.10008.1.2.4.103.1", "Fragmentable MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1",
     KH_CODEC_VIDEO, true, false, false, true},
    {"1.2.840.10008.1.2.4.104", "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video", KH_CODEC_VIDEO, true, false,
     false, true},
    {"1.2.840.10008.1.2.4.104.1", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video", KH_CODEC_VIDEO,
     true, false, false, true},
    {"1.2.840.10008.1.2.4.105", "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video", KH_CODEC_VIDEO, true, false,
     false, true},
    {"1.2.840.10008.1.2.4.105.1", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video", KH_CODEC_VIDEO,
     true, false, false, true},
    {"1.2.840.10008.1.2.4.106", "MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2", KH_CODEC_VIDEO, true, false, false,
     true},
    {"1.2.840.10008.1.2.4.106.1", "Fragmentable MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2", KH_CODEC_VIDEO, true,
     false, false, true},
    {"1.2.840.10008.1.2.4.107", "HEVC/H.265 Main Profile / Level 5.1", KH_CODEC_VIDEO, true, false, false, true},
    {"1.2.840.10008.1.2.4.108", "HEVC/H.265 Main 10 Profile / Level 5.1", KH_CODEC_VIDEO, true, false, false, true},
    {"1.2.840.10008.1.2.4.110", "JPEG XL Lossless", KH_CODEC_OTHER, true, false, false, false},
    {"1.2.840.10008.1.2.4.111", "JPEG XL JPEG Recompression", KH_CODEC_OTHER, true, false, false, true},
    {"1.2.840.10008.1.2.4.112", "JPEG XL", KH_CODEC_OTHER, true, false, false, true},
    {"1.2.840.10008.1.2.4.201", "High-Throughput JPEG 2000 (Lossless Only)", KH_CODEC_HTJ2K, true, false, false, false},
    {"1.2.840.10008.1.2.4.202", "High-Throughput JPEG 2000 with RPCL Options (Lossless Only)", KH_CODEC_HTJ2K, true,
     false, false, false},
    {"1.2.840.10008.1.2.4.203", "High-Throughput JPEG 2000", KH_CODEC_HTJ2K, true, false, false, true},
    {"1.2.840.10008.1.2.4.204", "JPIP HTJ2K Referenced", KH_CODEC_OTHER, true, false, false, false},
    {"1.2.840.10008.1.2.4.205", "JPIP HTJ2K Referenced Deflate", KH_CODEC_OTHER, true, false, true, false},
    {KH_TS_RLE, "RLE Lossless", KH_CODEC_RLE, true, false, false, false},
    {"1.2.840.10008.1.2.8.1", "Deflated Image Frame Compression", KH_CODEC_DEFLATED_FRAME, true, false, false, false},
};

const kh_transfer_syntax *kh_transfer_syntax_find(const char *uid)
{
    for (size_t i = 0; i < sizeof(transfer_syntaxes) / sizeof(transfer_syntaxes[0]); i++) {
        if (strcmp(transfer_syntaxes[i].uid, uid) == 0)
            return &transfer_syntaxes[i];
    }
    return NULL;
}

const kh_transfer_syntax *kh_transfer_syntax_table(size_t *count)
{
    *count = sizeof(transfer_syntaxes) / sizeof(transfer_syntaxes[0]);
    return transfer_syntaxes;
}

bool kh_uid_plausible(const char *uid)
{
    size_t size = strspn(uid, "0123456789.");

    return size >= 1 && size < KH_UID_SIZE && uid[size] == '\0' && strspn(uid, ".") < size;
}

bool kh_uid_valid(const char *uid)
{
    if (!kh_uid_plausible(uid))
        return false;
    for (;;) {
        size_t size = strcspn(uid, ".");
        if (size == 0 || (size > 1 && uid[0] == '0'))
            return false;
        if (uid[size] == '\0')
            return true;
        uid += size + 1;
    }
}
