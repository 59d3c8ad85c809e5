# Warnings are errors; hardening is always on. Every target of ours links kh_flags.
add_library(kh_flags INTERFACE)
target_compile_definitions(kh_flags INTERFACE _GNU_SOURCE _FILE_OFFSET_BITS=64)
target_compile_options(kh_flags INTERFACE
    -Wall -Wextra -Werror -Wshadow -Wpointer-arith -Wwrite-strings -Wformat=2 -Wundef -Wvla -Wcast-align
    $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes -Wconversion -Wno-sign-conversion -Wold-style-definition>
    -fno-omit-frame-pointer -fstack-protector-strong)
if(NOT KH_FUZZ)
    target_compile_options(kh_flags INTERFACE -fcf-protection=full)
endif()
target_link_options(kh_flags INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed)
if(KH_SANITIZE)
    # gcc does not see through the sanitizers' checks and then warns of conversions that lose nothing, of text that fits and of values
    # that are set; the same sources are held to these warnings in the plain builds.
    target_compile_options(kh_flags INTERFACE -fsanitize=${KH_SANITIZE} -fno-sanitize-recover=all
        $<$<COMPILE_LANGUAGE:C>:-Wno-conversion> -Wno-format-truncation -Wno-maybe-uninitialized -Wno-stringop-overflow
        -Wno-array-bounds)
    target_link_options(kh_flags INTERFACE -fsanitize=${KH_SANITIZE})
    target_compile_definitions(kh_flags INTERFACE KH_SANITIZED=1)
else()
    target_compile_options(kh_flags INTERFACE $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE> $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)
endif()
if(KH_FUZZ)
    # clang wants the format attribute on functions that take a va_list as well
    target_compile_options(kh_flags INTERFACE -fsanitize=fuzzer-no-link -Wno-format-nonliteral -Wno-string-concatenation -Wno-unknown-attributes -Wno-unknown-warning-option)
endif()
