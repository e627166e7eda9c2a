// Namespaces called like crates of Rust's; and the variables of one file: some with values, some zero, of
// which `early` begins where the file holds bytes of the section and ends where it does not.
extern "C" {
int first[500] = {1};
int second[30] = {2};
long long third = 5;
char text[] = "hello world";
static int later[2000];
int early[1000];
int alpha_entry(int);
}
namespace std {
__attribute__((noinline, used)) int twice(int x) { return x * 7; }
}
namespace alpha {
__attribute__((noinline, used)) int thrice(int x) { return x * 3; }
}
extern "C" int run(int i) {
    later[i] = i;
    return first[i] + second[i] + early[i] + (int)third + text[i] + later[i + 1] + std::twice(i) +
        alpha::thrice(i) + alpha_entry(i);
}
