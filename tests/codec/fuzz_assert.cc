/* fuzz_assert.cc - OpenJPH asserts what a hostile codestream can break. In the service that ends one worker, as it should; in a
 * fuzzer it would end the search, so here it is one more error that the decoder throws. */
struct FailedAssertion {};

extern "C" [[noreturn]] void __assert_fail(const char *, const char *, unsigned, const char *);

extern "C" [[noreturn]] void __assert_fail(const char *, const char *, unsigned, const char *)
{
    throw FailedAssertion{};
}
