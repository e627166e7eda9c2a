// Two functions of one library, each of an import library of its own, as GNU tools make them.
__declspec(dllimport) int now(int);
__declspec(dllimport) int too(int);
int run(int i) { return now(i) + too(i); }
