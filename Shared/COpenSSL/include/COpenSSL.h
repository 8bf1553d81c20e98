#ifndef COPENSSL_H
#define COPENSSL_H

// What is used of OpenSSL, declared here instead of by OpenSSL's own headers: those bring parts of the C library, which
// would then be this module's to Swift, and unknown where the C library alone is imported. COpenSSL.c includes both, so that
// a declaration that differs does not compile.

#include <stddef.h>
#include <stdint.h>

typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;

// MARK: The process

// What OpenSSL has for the whole process is not freed when that exits: threads that are still connecting would use what is
// gone, and crash it. To be called before anything else of OpenSSL; once or often.
void closter_ssl_stays(void);

// MARK: Errors

// SSL_ERROR_...
enum { closter_ssl_fine = 0, closter_ssl_wants_read = 2, closter_ssl_wants_write = 3, closter_ssl_has_ended = 6 };

void ERR_clear_error(void);

// The first error of this thread's queue, which is emptied; NULL where it is empty. The text stays until the thread's next
// call. `http` tells whether a client has spoken HTTP.
const char *closter_error(int *http);

// MARK: Contexts

SSL_CTX *closter_ssl_context(void);
void SSL_CTX_free(SSL_CTX *context);

// TLS 1.2 and above, ours rather than the client's preference, elliptic curves only, no renegotiation, no compression, sessions
// in tickets alone, and of a connection that rests only its state in memory. 0 where that is not to be had.
int closter_ssl_harden(SSL_CTX *context);

int SSL_CTX_use_certificate_chain_file(SSL_CTX *context, const char *path);
// A key that is PEM, has no passphrase and goes with the certificate where there is one.
int closter_ssl_use_key(SSL_CTX *context, const char *path);
// Asks clients for a certificate that one of the file's authorities vouches for.
int closter_ssl_ask_clients(SSL_CTX *context, const char *path, int required);

enum { closter_ticket_key_bytes = 80 };
int closter_ssl_ticket_keys(SSL_CTX *context, const uint8_t *keys);
// Sessions are resumed under the same text only.
int closter_ssl_session_rules(SSL_CTX *context, const void *text, size_t length);

enum { closter_alpn_chosen = 0, closter_alpn_refused = 2 };
void SSL_CTX_set_alpn_select_cb(
    SSL_CTX *context,
    int (*choose)(
        SSL *ssl, const unsigned char **chosen, unsigned char *length, const unsigned char *offered, unsigned int count,
        void *argument),
    void *argument);

// What a server has a certificate in for each of several names. The first begins every connection.
typedef struct {
    SSL_CTX *const *all;
    size_t count;
} closter_contexts;

// Has a client that names a server get the first certificate that is for this name; without one it keeps the first. What is
// pointed to must live as long as connections that it began.
void closter_ssl_choose_by_name(closter_contexts *contexts);

// When the first certificate of the chain ends, in seconds since 1970; 0 where a date is none.
int64_t closter_ssl_expiry(const SSL_CTX *context);

// MARK: Connections

// Memory that is lent for the length of one call into OpenSSL: what a connection has received, and where what is to be sent
// goes. Where either is at its end OpenSSL is told "again", as by a socket, and keeps what it could not write.
typedef struct {
    const uint8_t *in;
    size_t in_left;
    uint8_t *out;
    size_t out_left;
} closter_lent;

// A server's side. `lent` must live as long as it does. NULL without memory.
SSL *closter_ssl_new(SSL_CTX *context, closter_lent *lent);
void SSL_free(SSL *ssl);

int SSL_do_handshake(SSL *ssl);
int SSL_read_ex(SSL *ssl, void *bytes, size_t room, size_t *count);
int SSL_write_ex(SSL *ssl, const void *bytes, size_t length, size_t *count);
int SSL_shutdown(SSL *ssl);
int SSL_get_error(const SSL *ssl, int result);
int SSL_pending(const SSL *ssl);

void SSL_get0_alpn_selected(const SSL *ssl, const unsigned char **name, unsigned int *length);
// The subject of the client's certificate as RFC 2253 writes it, to be freed with free(); NULL where there is none.
char *closter_ssl_client(const SSL *ssl);

#endif
