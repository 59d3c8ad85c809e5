/* bench_frame.h - one frame's bytes out of a DICOM file, for the measuring programs. Whatever fails ends the program with its reason. */
#ifndef KH_BENCH_FRAME_H
#define KH_BENCH_FRAME_H

#include "dicom/image.h"

typedef struct bench_frame {
    kh_image_info info;  /* never given back: the program ends soon */
    char syntax[KH_UID_SIZE];
    uint8_t *bytes;      /* as they stand in the file; malloc'ed */
    size_t size;
    int fd;              /* of the file, open */
    uint64_t offset;     /* of the first of them */
} bench_frame;

void bench_frame_read(bench_frame *out, const char *path, uint32_t frame);
void bench_check(kh_status status, const kh_error *err);
/* Sorts the values. */
double bench_median(double *values, size_t count);

#endif
