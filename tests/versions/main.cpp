// Runs the halves it is told to have, and the crossing.
void run_1();
void run_2();
void cross();

int main() {
#if defined(HALF_1)
  run_1();
#endif
#if defined(HALF_2)
  run_2();
#endif
#if defined(CROSSING)
  cross();
#endif
}
