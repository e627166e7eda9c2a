/* A library for 32-bit Windows, which has no function table: functions that are exported, called, jumped
   to, and only pointed at, one with a table of jumps, and one with handlers. */
typedef int (*Step)(int);
extern "C" {
int calls_counter = 7;
int __CxxFrameHandler3(void) { return calls_counter; }
}
__asm__(".globl __except_list\n__except_list = 0\n");
#define APART __attribute__((noinline)) static
struct Guard { int *at; ~Guard() { *at += 3; calls_counter ^= *at; } };
APART int called(int a) { calls_counter += a; return a * calls_counter; }
APART int jumped(int a) { calls_counter -= a; return called(a + 2) * 5; }
APART int pointed_one(int a) { return jumped(a ^ 0x55); }
APART int pointed_two(int a) { for (int i = 0; i < a; i++) calls_counter ^= called(i); return calls_counter; }
APART __attribute__((noreturn)) void stops(int a) { calls_counter = a; for (;;) calls_counter++; }
APART int may_stop(int a) { if (a < 0) stops(a); return called(a) - 1; }
APART int chosen(int a, int b) {
    switch (a) {
    case 0: return called(b);
    case 1: return b * 3 + calls_counter;
    case 2: calls_counter = b; return 11;
    case 3: return pointed_two(b) + 1;
    case 4: return b ^ calls_counter;
    case 5: return may_stop(b) * 2;
    default: return 0;
    }
}
static const Step steps[] = {pointed_one, pointed_two, may_stop};
const Step *volatile calls_steps = steps;
APART int handled(int a) {
    Guard guard = {&calls_counter};
    try { a += calls_steps[a & 1](a); } catch (...) { calls_counter = a + 1; a = called(a); }
    return a + chosen(a, 2);
}
extern "C" __declspec(dllexport) int calls_entry(int a) { return handled(a) + chosen(a & 7, a); }
