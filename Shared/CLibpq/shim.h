#ifndef CLIBPQ_SHIM_H
#define CLIBPQ_SHIM_H

#include <libpq-fe.h>
#include <pthread.h>

// The fields of an error are macros of character literals, which Swift sees as CChar; PQresultErrorField wants an int.
static inline const char *closter_error_field(const PGresult *result, char field) {
    return PQresultErrorField(result, (int)field);
}

// A GNU extension, which Swift's Glibc module hides.
extern int pthread_setname_np(pthread_t thread, const char *name);
static inline void closter_name_thread(const char *name) {
    (void)pthread_setname_np(pthread_self(), name);
}

#endif
