#ifndef FUZZ_CLIENT_H
#define FUZZ_CLIENT_H

#include <stddef.h>
#include <stdint.h>

// The client's side of TLS, over memory: what it hears is given to it, and what it says is taken from it.
typedef struct fuzz_client fuzz_client;

// `protocol` is offered by ALPN. Certificates are not looked at.
fuzz_client *fuzz_client_new(const char *protocol);
void fuzz_client_free(fuzz_client *client);

void fuzz_client_hear(fuzz_client *client, const void *bytes, size_t count);
// How many bytes it has written to `bytes`: 0 where it has nothing more to say.
size_t fuzz_client_say(fuzz_client *client, void *bytes, size_t room);

// Goes on with the handshake; 1 when it is done, 0 when it waits to hear more, -1 when it has failed.
int fuzz_client_greet(fuzz_client *client);
// 0 where it cannot.
int fuzz_client_encrypt(fuzz_client *client, const void *bytes, size_t count);
// Decrypts what was heard and forgets it.
void fuzz_client_skip(fuzz_client *client);
// Says that it will send no more.
void fuzz_client_end(fuzz_client *client);

// libFuzzer's, where it is linked.
int LLVMFuzzerRunDriver(int *count, char ***arguments, int (*test)(const uint8_t *bytes, size_t count));

#endif
