#ifndef CLOSTER_CZLIB_H
#define CLOSTER_CZLIB_H

#include <zlib.h>

// A macro, which Swift does not import.
static inline int closter_deflate_init_gzip(z_streamp stream, int level) {
    return deflateInit2(stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}

#endif
