/* The crate `one`: functions that need unwinding, and one that calls nobody. */
extern int other(const char *text, int number);
static const char *const names[] = {"first", "second", "third"};
const char *const *one_names = names;
__attribute__((visibility("hidden"))) int one_leaf(int a) { return a * 3 + 1; }
__attribute__((noinline)) static int one_inner(int a) { return other(names[a & 1], a) + one_leaf(a); }
int one_entry(int a) { int sum = 0; for (int i = 0; i < a; i++) sum += one_inner(i); return sum; }
