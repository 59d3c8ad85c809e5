/* A body of metadata and bulk data: a byte for its form, then the parts. What is put together must be a file that our reader takes, without
 * a warning. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/log.h"
#include "dicom/dataset.h"
#include "tests/fuzz/fuzz.h"
#include "viewer/dicomweb/assembly.h"

static void write_object(kh_assembly *assembly, size_t index)
{
    kh_stow_object object;
    kh_dataset *dataset = NULL;
    kh_source source;
    int fd = memfd_create("object", MFD_CLOEXEC);

    kh_assembly_write(assembly, index, fd, &object);
    if (object.failure == 0 &&
        (kh_source_init_fd(&source, fd, NULL) != KH_OK ||
         kh_dataset_read_file(&dataset, &source, &kh_dataset_limits_default, NULL) != KH_OK || kh_dataset_warnings(dataset)[0] != '\0'))
        abort();
    kh_dataset_free(dataset);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    kh_assembly_options options = {.metadata_bytes_max = 65536, .objects_max = 16, .base = "http://a/dicomweb/studies"};
    kh_assembly *assembly = NULL;
    kh_part_reader *reader = malloc(sizeof *reader);
    kh_error err = KH_ERROR_INIT;

    kh_log_set_level(KH_LOG_ERROR);
    options.spool_fd = memfd_create("spool", MFD_CLOEXEC);
    options.xml = size > 0 && bytes[0] == 'x';
    if (reader && size > 0 && kh_assembly_create(&assembly, &options, NULL) == KH_OK &&
        kh_part_reader_init(reader, "B", 64, &kh_assembly_parts, assembly, NULL) == KH_OK) {
        if (kh_part_reader_take(reader, bytes + 1, size - 1, &err) != KH_OK && err.message[0] == '\0')
            abort();
        for (size_t i = 0; i < kh_assembly_count(assembly); i++)
            write_object(assembly, i);
    }
    kh_assembly_free(assembly);
    free(reader);
    close(options.spool_fd);
    return 0;
}
