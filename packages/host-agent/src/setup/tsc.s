# Reads the time-stamp counter and the clock twice, a quarter of a second apart, and writes the six numbers to stdout as
# 64-bit words: counter, seconds, nanoseconds; counter, seconds, nanoseconds. Linux on x86-64, no library.
        .set SYS_write, 1
        .set SYS_nanosleep, 35
        .set SYS_exit, 60
        .set SYS_clock_gettime, 228
        .set CLOCK_MONOTONIC_RAW, 4

        .globl _start
        .data
pause:  .quad 0, 250000000
samples:
        .quad 0, 0, 0, 0, 0, 0

        .text
_start: lea samples(%rip), %rbx
        call sample
        mov $SYS_nanosleep, %eax
        lea pause(%rip), %rdi
        xor %esi, %esi
        syscall
        lea 24+samples(%rip), %rbx
        call sample
        mov $SYS_write, %eax
        mov $1, %edi
        lea samples(%rip), %rsi
        mov $48, %edx
        syscall
        mov $SYS_exit, %eax
        xor %edi, %edi
        syscall

# Fills the three words at %rbx.
sample: mov $SYS_clock_gettime, %eax
        mov $CLOCK_MONOTONIC_RAW, %edi
        lea 8(%rbx), %rsi
        syscall
        rdtsc
        shl $32, %rdx
        or %rdx, %rax
        mov %rax, (%rbx)
        ret
