#include "COpenSSL.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

_Static_assert(closter_ssl_fine == SSL_ERROR_NONE, "");
_Static_assert(closter_ssl_wants_read == SSL_ERROR_WANT_READ, "");
_Static_assert(closter_ssl_wants_write == SSL_ERROR_WANT_WRITE, "");
_Static_assert(closter_ssl_has_ended == SSL_ERROR_ZERO_RETURN, "");
_Static_assert(closter_alpn_chosen == SSL_TLSEXT_ERR_OK, "");
_Static_assert(closter_alpn_refused == SSL_TLSEXT_ERR_ALERT_FATAL, "");

// MARK: The process

void closter_ssl_stays(void) { (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL); }

// MARK: Errors

const char *closter_error(int *http) {
    unsigned long code = ERR_get_error();
    const char *text = NULL;
    ERR_clear_error();
    *http = ERR_GET_LIB(code) == ERR_LIB_SSL &&
            (ERR_GET_REASON(code) == SSL_R_HTTP_REQUEST || ERR_GET_REASON(code) == SSL_R_HTTPS_PROXY_REQUEST);
    if (code == 0) return NULL;
    // Of the system's errors OpenSSL has no text.
    text = ERR_SYSTEM_ERROR(code) ? strerror(ERR_GET_REASON(code)) : ERR_reason_error_string(code);
    return text ? text : "an error without a name";
}

// MARK: Contexts

SSL_CTX *closter_ssl_context(void) { return SSL_CTX_new(TLS_server_method()); }

// Asked for a passphrase, OpenSSL would wait for one at the terminal.
static int no_passphrase(char *text, int room, int writes, void *argument) {
    (void)text, (void)room, (void)writes, (void)argument;
    return -1;
}

int closter_ssl_harden(SSL_CTX *context) {
    SSL_CTX_set_options(
        context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    // One ticket is enough: it may be used for several connections. A client may ask for a finite field of 8192 bits, which
    // costs us five milliseconds and it nothing.
    return SSL_CTX_set_num_tickets(context, 1) == 1 && SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set1_groups_list(context, "X25519:P-256:X448:P-521:P-384") == 1;
}

int closter_ssl_use_key(SSL_CTX *context, const char *path) {
    return SSL_CTX_use_PrivateKey_file(context, path, SSL_FILETYPE_PEM) == 1 &&
           (!SSL_CTX_get0_certificate(context) || SSL_CTX_check_private_key(context) == 1);
}

int closter_ssl_ask_clients(SSL_CTX *context, const char *path, int required) {
    STACK_OF(X509_NAME) *names = NULL;
    if (SSL_CTX_load_verify_locations(context, path, NULL) != 1) return 0;
    names = SSL_load_client_CA_file(path);
    if (!names) return 0;
    SSL_CTX_set_client_CA_list(context, names);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
    return 1;
}

int closter_ssl_ticket_keys(SSL_CTX *context, const uint8_t *keys) {
    uint8_t copy[closter_ticket_key_bytes];
    memcpy(copy, keys, sizeof copy);
    int result = (int)SSL_CTX_set_tlsext_ticket_keys(context, copy, sizeof copy);
    OPENSSL_cleanse(copy, sizeof copy);
    return result;
}

int closter_ssl_session_rules(SSL_CTX *context, const void *text, size_t length) {
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA256(text, length, digest);
    return SSL_CTX_set_session_id_context(context, digest, sizeof digest);
}

static int choose_by_name(SSL *ssl, int *alert, void *argument) {
    const closter_contexts *contexts = argument;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    (void)alert;
    for (size_t index = 0; name && index < contexts->count; index++) {
        X509 *certificate = SSL_CTX_get0_certificate(contexts->all[index]);
        if (certificate && X509_check_host(certificate, name, 0, 0, NULL) == 1) {
            return SSL_set_SSL_CTX(ssl, contexts->all[index]) ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
        }
    }
    return SSL_TLSEXT_ERR_OK;
}

void closter_ssl_choose_by_name(closter_contexts *contexts) {
    SSL_CTX_set_tlsext_servername_callback(contexts->all[0], choose_by_name);
    SSL_CTX_set_tlsext_servername_arg(contexts->all[0], contexts);
}

static int64_t end_of(const X509 *certificate) {
    struct tm time;
    return ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) == 1 ? (int64_t)timegm(&time) : 0;
}

int64_t closter_ssl_expiry(const SSL_CTX *context) {
    const X509 *own = SSL_CTX_get0_certificate(context);
    STACK_OF(X509) *chain = NULL;
    int64_t first = own ? end_of(own) : 0;
    (void)SSL_CTX_get0_chain_certs((SSL_CTX *)context, &chain);
    for (int index = 0; chain && index < sk_X509_num(chain); index++) {
        int64_t end = end_of(sk_X509_value(chain, index));
        if (end < first) first = end;
    }
    return first;
}

// MARK: Connections

static int lent_read(BIO *bio, char *bytes, size_t length, size_t *done) {
    closter_lent *lent = BIO_get_data(bio);
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

static int lent_write(BIO *bio, const char *bytes, size_t length, size_t *done) {
    closter_lent *lent = BIO_get_data(bio);
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

static long lent_control(BIO *bio, int command, long number, void *pointer) {
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static BIO_METHOD *lent_method = NULL;
static CRYPTO_ONCE lent_once = CRYPTO_ONCE_STATIC_INIT;

static void make_lent_method(void) {
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "lent memory");
    if (method && BIO_meth_set_read_ex(method, lent_read) && BIO_meth_set_write_ex(method, lent_write) &&
        BIO_meth_set_ctrl(method, lent_control)) {
        lent_method = method;
    }
}

SSL *closter_ssl_new(SSL_CTX *context, closter_lent *lent) {
    SSL *ssl = NULL;
    BIO *bio = NULL;
    if (!CRYPTO_THREAD_run_once(&lent_once, make_lent_method) || !lent_method) return NULL;
    bio = BIO_new(lent_method);
    if (!bio) return NULL;
    BIO_set_data(bio, lent);
    BIO_set_init(bio, 1);
    ssl = SSL_new(context);
    if (!ssl) {
        BIO_free(bio);
        return NULL;
    }
    SSL_set_bio(ssl, bio, bio);
    SSL_set_accept_state(ssl);
    return ssl;
}

char *closter_ssl_client(const SSL *ssl) {
    X509 *certificate = SSL_get1_peer_certificate(ssl);
    BIO *bio = NULL;
    char *text = NULL;
    if (!certificate) return NULL;
    if (SSL_get_verify_result(ssl) == X509_V_OK && (bio = BIO_new(BIO_s_mem())) &&
        X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) >= 0) {
        char *bytes = NULL;
        long length = BIO_get_mem_data(bio, &bytes);
        // Zeros within are escaped.
        text = strndup(bytes, (size_t)length);
    }
    BIO_free(bio);
    X509_free(certificate);
    return text;
}
