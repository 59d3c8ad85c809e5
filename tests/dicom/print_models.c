/* print_models.c FILE... - each file as one line of DICOM JSON, {"error": true} where it cannot be read: for the judges beside it. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include "dicom/json_model.h"

static kh_status put_uri(void *context, kh_buf *out, const char *path, kh_error *err)
{
    (void)context;
    return kh_buf_append_text(out, path, err);
}

static kh_status print_file(const char *path)
{
    kh_json_model_options options = {.inline_bytes_max = 65536, .value_bytes_max = 262144, .uri = put_uri};
    kh_dataset *dataset = NULL;
    kh_source source;
    kh_status status;
    kh_buf out;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    kh_buf_init(&out, 1u << 28);
    status = fd < 0 ? KH_E_IO : kh_source_init_fd(&source, fd, NULL);
    if (status == KH_OK)
        status = kh_dataset_read_file(&dataset, &source, &kh_dataset_limits_default, NULL);
    if (status == KH_OK)
        status = kh_json_model_write(&out, dataset, &options, NULL);
    printf("%s\n", status == KH_OK ? kh_buf_text(&out) : "{\"error\":true}");
    kh_dataset_free(dataset);
    kh_buf_release(&out);
    if (fd >= 0)
        close(fd);
    return status;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        (void)(print_file(argv[i]) == KH_OK);
    return 0;
}
