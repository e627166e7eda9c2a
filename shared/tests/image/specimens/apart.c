// Data of a module whose importer says where it goes: small numbers, which are no addresses.
struct row { int number, next; };
struct row rows[40] = {{1, 3}, {5, 7}, {9, 11}, {2, 13}, {21, 34}, {55, 89}, {1, 8}};
char message[] = "reduce sym:%s, child_count:%u";
const char *words[3] = {"accept", "shift", "recover"};
static __attribute__((noinline)) int letter(int i) {
    return words[i & 1][0];
}
int run(int i) {
    rows[i].number += message[i] + letter(i);
    return rows[i].next;
}
