/* A short pause between two reads of a value that another thread is about to change. */
#ifndef BASE_SPIN_H
#define BASE_SPIN_H

static inline void spin_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory"); /* yield does nothing on most cores */
#else
    __asm__ volatile("" ::: "memory");
#endif
}

#endif
