/* camshaft/scheme.h: a task scheme of your own, as a function in a shared library.
 *
 *   size_t mine(const struct camshaft_candidates* engines) { return ...; }
 *   cc -shared -fPIC -I$(python -m camshaft.controller --include) -o libmine.so mine.c
 *   ipcontroller --scheme=./libmine.so:mine
 *
 * The controller calls it on its task thread, for each task that may go to more than one engine at once or to none but
 * one: it must be quick, must not block, and must not throw. In C++ declare it extern "C". */
#ifndef CAMSHAFT_SCHEME_H
#define CAMSHAFT_SCHEME_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The engines that may take the task, least recently used first. The arrays are parallel, have `count` members and are
 * valid during the call. */
struct camshaft_candidates {
  size_t size;             /* of this structure in bytes: later versions may append members */
  size_t count;            /* how many engines there are; at least 1 */
  const uint32_t* loads;   /* tasks that each has and has not answered */
  const uint64_t* counts;  /* tasks that each was given since it came */
  const uint32_t* engines; /* a small number of each, its own while it is connected: a place for notes of yours */
  uint64_t random;         /* 64 random bits, new for each call */
};

/* Returns which one gets the task: an index below `count`. */
typedef size_t camshaft_scheme(const struct camshaft_candidates* engines);

#ifdef __cplusplus
}
#endif

#endif /* CAMSHAFT_SCHEME_H */
