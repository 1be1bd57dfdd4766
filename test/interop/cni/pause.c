/* The sandbox image's only program: waits for signals for ever. Built by the test, static and without a C library. */
#include <asm/unistd.h>

void _start(void)
{
	for (;;) {
#if defined(__x86_64__)
		long result;
		__asm__ volatile("syscall" : "=a"(result) : "a"(__NR_pause) : "rcx", "r11", "memory");
#elif defined(__aarch64__)
		register long number __asm__("x8") = __NR_ppoll;
		register long x0 __asm__("x0") = 0;
		register long x1 __asm__("x1") = 0;
		register long x2 __asm__("x2") = 0;
		register long x3 __asm__("x3") = 0;
		__asm__ volatile("svc 0" : "+r"(x0) : "r"(number), "r"(x1), "r"(x2), "r"(x3) : "memory");
#endif
	}
}
