// What AddressSanitizer does in all fuzz targets, unless ASAN_OPTIONS says otherwise. To note where
// each block was allocated costs up to a third of a run of those that allocate much; a finding is
// replayed with ASAN_OPTIONS=malloc_context_size=30.
extern "C" const char* __asan_default_options();

extern "C" const char* __asan_default_options() { return "malloc_context_size=2"; }
