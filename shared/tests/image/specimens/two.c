/* The crate `two`: what `one` calls. */
static const int table[] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3};
int two_counter = 7;
__attribute__((noinline)) static int two_sum(const char *text) { int sum = 0; while (*text) sum += table[*text++ & 15]; return sum; }
int other(const char *text, int number) { two_counter += number; return two_sum(text) + two_counter; }
