extern int puts(const char *); extern int *__errno_location(void);
static const char *const names[] = {"zero", "one", "two", "three"};
static int counter; const int table[8] = {1,2,3,4,5,6,7,8};
int (*hooks[])(const char *) = {puts, puts};
int pick(int n) { counter += table[n & 7]; *__errno_location() = n; return hooks[n & 1](names[n & 3]); }
__attribute__((constructor)) static void first(void) { pick(counter); }
int main(int argc, char **argv) { return pick(argc); }
