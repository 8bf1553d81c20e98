#include "client.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

struct fuzz_client {
    SSL_CTX *context;
    SSL *ssl;
    // The session's.
    BIO *heard, *said;
};

fuzz_client *fuzz_client_new(const char *protocol) {
    fuzz_client *client = calloc(1, sizeof *client);
    unsigned char offer[32];
    size_t length = strlen(protocol);
    if (!client || length >= sizeof offer) abort();
    offer[0] = (unsigned char)length;
    memcpy(offer + 1, protocol, length);
    client->context = SSL_CTX_new(TLS_client_method());
    client->ssl = client->context ? SSL_new(client->context) : NULL;
    client->heard = BIO_new(BIO_s_mem());
    client->said = BIO_new(BIO_s_mem());
    if (!client->ssl || !client->heard || !client->said) abort();
    SSL_set_bio(client->ssl, client->heard, client->said);
    SSL_set_connect_state(client->ssl);
    if (SSL_set_alpn_protos(client->ssl, offer, (unsigned)length + 1) != 0) abort();
    return client;
}

void fuzz_client_free(fuzz_client *client) {
    SSL_free(client->ssl);
    SSL_CTX_free(client->context);
    free(client);
}

void fuzz_client_hear(fuzz_client *client, const void *bytes, size_t count) {
    if (count > 0 && BIO_write(client->heard, bytes, (int)count) != (int)count) abort();
}

size_t fuzz_client_say(fuzz_client *client, void *bytes, size_t room) {
    int count = BIO_read(client->said, bytes, (int)room);
    return count > 0 ? (size_t)count : 0;
}

int fuzz_client_greet(fuzz_client *client) {
    ERR_clear_error();
    int result = SSL_do_handshake(client->ssl);
    if (result == 1) return 1;
    return SSL_get_error(client->ssl, result) == SSL_ERROR_WANT_READ ? 0 : -1;
}

int fuzz_client_encrypt(fuzz_client *client, const void *bytes, size_t count) {
    size_t written = 0;
    ERR_clear_error();
    return SSL_write_ex(client->ssl, bytes, count, &written) == 1 && written == count;
}

void fuzz_client_skip(fuzz_client *client) {
    char bytes[16 << 10];
    size_t count = 0;
    ERR_clear_error();
    while (SSL_read_ex(client->ssl, bytes, sizeof bytes, &count) == 1) {}
    ERR_clear_error();
}

void fuzz_client_end(fuzz_client *client) {
    ERR_clear_error();
    SSL_shutdown(client->ssl);
    ERR_clear_error();
}
