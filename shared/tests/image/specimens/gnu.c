/* A program for Windows as GNU's tools make it: its frames' table is debug information. */
static int table[4] = {1, 2, 3, 4};
__attribute__((noinline)) static int inner(int x) { return table[x & 3]++ * 3; }
int gnu_start(void) { return inner(2) + inner(1); }
