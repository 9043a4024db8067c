/* Times, counted in buckets whose width grows with the time. */

#include "load.h"

/* 0..63 have a bucket each; above, each doubling has 64 of them. */
static size_t bucket_of(uint64_t value)
{
    if (value < 64)
        return value;
    int shift = 63 - __builtin_clzll(value) - 6;
    size_t bucket = (size_t)(shift + 1) * 64 + ((value >> shift) - 64);
    return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

static uint64_t middle_of(size_t bucket)
{
    if (bucket < 64)
        return bucket;
    int shift = (int)(bucket / 64) - 1;
    return ((uint64_t)(bucket % 64 + 64) << shift) + ((1ULL << shift) >> 1);
}

void record(struct histogram *histogram, uint64_t microseconds)
{
    histogram->buckets[bucket_of(microseconds)]++;
    histogram->count++;
    histogram->sum += (double)microseconds;
    if (microseconds > histogram->most)
        histogram->most = microseconds;
}

uint64_t percentile(const struct histogram *histogram, double fraction)
{
    uint64_t wanted = (uint64_t)(fraction * (double)histogram->count), seen = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen > wanted)
            return middle_of(i) < histogram->most ? middle_of(i) : histogram->most;
    }
    return histogram->most;
}
