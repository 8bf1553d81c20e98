#ifndef COPENSSL_SHIM_H
#define COPENSSL_SHIM_H

// The C library's types stay the C library's: included from here, they would be this module's, and unknown to a file that
// imports the C library alone.
#if __has_feature(modules) && defined(__linux__)
#pragma clang module import SwiftGlibc
#endif

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <string.h>

// Macros with arguments, which Swift does not import.

static inline int closter_ssl_minimum_version(SSL_CTX *context, int version) {
    return (int)SSL_CTX_set_min_proto_version(context, version);
}

// Ours rather than the client's preference; no renegotiation, no compression; and of a connection that rests only its state
// stays in memory.
static inline void closter_ssl_harden(SSL_CTX *context) {
    (void)SSL_CTX_set_options(
        context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    (void)SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

static inline void closter_ssl_no_session_cache(SSL_CTX *context) {
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

static inline int closter_ssl_ticket_keys(SSL_CTX *context, void *keys, long length) {
    return (int)SSL_CTX_set_tlsext_ticket_keys(context, keys, length);
}

// The certificates above the server's own; NULL where there are none.
static inline STACK_OF(X509) *closter_ssl_chain(SSL_CTX *context) {
    STACK_OF(X509) *chain = NULL;
    (void)SSL_CTX_get0_chain_certs(context, &chain);
    return chain;
}

static inline int closter_x509_count(const STACK_OF(X509) *chain) { return chain ? sk_X509_num(chain) : 0; }

static inline X509 *closter_x509_at(const STACK_OF(X509) *chain, int index) { return sk_X509_value(chain, index); }

static inline int closter_x509_print_name(BIO *bio, const X509_NAME *name) {
    return X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0;
}

// The bytes that a memory BIO holds, which stay its own.
static inline long closter_bio_bytes(BIO *bio, char **bytes) { return BIO_get_mem_data(bio, bytes); }

// A BIO over memory that is lent to it for the length of one call into OpenSSL: it reads what a connection has
// received and writes what is to be sent. Where either is at its end it says "again", as a socket does, so that
// OpenSSL keeps what it could not write. It owns nothing and allocates nothing.
typedef struct {
    const unsigned char *in;
    size_t in_left;
    unsigned char *out;
    size_t out_left;
} closter_lent;

static inline int closter_lent_read(BIO *bio, char *bytes, size_t length, size_t *done) {
    closter_lent *lent = (closter_lent *)BIO_get_data(bio);
    size_t count = length < lent->in_left ? length : lent->in_left;
    BIO_clear_retry_flags(bio);
    *done = count;
    if (count == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    memcpy(bytes, lent->in, count);
    lent->in += count;
    lent->in_left -= count;
    return 1;
}

static inline int closter_lent_write(BIO *bio, const char *bytes, size_t length, size_t *done) {
    closter_lent *lent = (closter_lent *)BIO_get_data(bio);
    size_t count = length < lent->out_left ? length : lent->out_left;
    BIO_clear_retry_flags(bio);
    *done = count;
    if (count == 0) {
        BIO_set_retry_write(bio);
        return 0;
    }
    memcpy(lent->out, bytes, count);
    lent->out += count;
    lent->out_left -= count;
    return 1;
}

static inline long closter_lent_control(BIO *bio, int command, long number, void *pointer) {
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

// To be made once; NULL without memory.
static inline BIO_METHOD *closter_lent_method(void) {
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "lent memory");
    if (method) {
        BIO_meth_set_read_ex(method, closter_lent_read);
        BIO_meth_set_write_ex(method, closter_lent_write);
        BIO_meth_set_ctrl(method, closter_lent_control);
    }
    return method;
}

// Makes an SSL read from and write to what `lent` points at, which must live as long as the SSL.
static inline int closter_ssl_lend(SSL *ssl, const BIO_METHOD *method, closter_lent *lent) {
    BIO *bio = BIO_new(method);
    if (!bio) return 0;
    BIO_set_data(bio, lent);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    return 1;
}

#endif
