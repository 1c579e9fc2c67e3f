/* A task scheme in C: the engine that was given the fewest tasks since it came.
 *
 *   cc -shared -fPIC -I$(python -m camshaft.controller --include) -o libfewest.so fewest_given.c
 *   ipcontroller --scheme=./libfewest.so:fewest_given --hwm=0
 */
#include <camshaft/scheme.h>

size_t fewest_given(const struct camshaft_candidates* engines) {
  size_t best = 0;
  for (size_t i = 1; i < engines->count; ++i) {
    if (engines->counts[i] < engines->counts[best]) best = i;
  }
  return best;
}
