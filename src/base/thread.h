/* Starting threads that leave signals to the program's main thread. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>

/* Starts run(argument) in a joinable thread named `name` (cut to 15 bytes). Every signal is blocked in it but those
 * that its own instructions raise (SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP): the guard of mapped files needs SIGBUS.
 * False when the system has no more threads to give; errno says why. */
bool thread_start(pthread_t *thread, void *(*run)(void *), void *argument, const char *name);

/* The calling thread gets its share of the CPUs as before, but when it wakes up it takes none away from a thread that is
 * computing: for work that nobody waits for. */
void thread_defer(void);

/* Ties the calling thread to one CPU; where the system refuses, it stays where it may be. */
void thread_pin(unsigned cpu);

#endif
