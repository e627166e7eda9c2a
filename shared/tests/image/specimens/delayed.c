// Two functions of one library, which import libraries spell in two ways, and one of a library that is
// loaded when it is first called.
__declspec(dllimport) int now(int);
__declspec(dllimport) int too(int);
__declspec(dllimport) int late(int);
__declspec(dllimport) int later(int);
void *__delayLoadHelper2(const void *descriptor, void **slot) {
    return descriptor == slot ? 0 : *slot;
}
int run(int i) { return now(i) + too(i) + late(i) + later(i); }
