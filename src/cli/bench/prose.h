/* English prose for `bench`: what an engine meets in real text (words of one token and of several, punctuation, numbers),
 * which zeros or one repeated sentence would not show. Written for this purpose. */
#ifndef CLI_BENCH_PROSE_H
#define CLI_BENCH_PROSE_H

/* Sentences in the order they are read, ended by NULL. Words are separated by single spaces. */
extern const char *const bench_prose[];

#endif
