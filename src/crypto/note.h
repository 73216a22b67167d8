/* SPDX-License-Identifier: Apache-2.0 */
/*
 * note.h: C2SP signed notes and tlog-checkpoints (c2sp.org/signed-note, c2sp.org/tlog-checkpoint).
 * Input is untrusted: bytes are authenticated before anything but the frame is parsed.
 */
#ifndef CRYPTO_NOTE_H
#define CRYPTO_NOTE_H

#include "crypto/signer.h"

#define NOTE_MAX_BYTES 16384
#define NOTE_KEYS_MAX 64 /* keys to check a note with: a bit for each */

struct checkpoint {
	char origin[KEY_NAME_MAX + 1];
	uint64_t size;	    /* leaves in the tree */
	struct digest root; /* RFC 6962 tree head */
};

/*
 * Text of a note: appends one signature line for each signer after a blank line. `text` ends in LF.
 * ERR_INTERNAL without a signer.
 */
MUSTUSE int note_sign(const char *text, const struct signer *const *signers, size_t n,
    struct buf *out, struct err *e);

/*
 * Checks that `note` is well formed and carries a valid signature of one of `keys`; a known key
 * whose signature is wrong rejects the whole note, unknown signatures are ignored. On success
 * *text_len is the length of the signed text (which is a prefix of `note`).
 */
MUSTUSE int note_verify(const char *note, size_t len, const struct public_key *keys,
    size_t n_keys, size_t *text_len, struct err *e);

/* The signature of one of the keys in a note that was verified; ERR_NOT_FOUND: it did not sign. */
MUSTUSE int note_signature(const char *note, size_t len, const struct public_key *key,
    uint8_t out[static SIGNATURE_BYTES], struct err *e);

/* "origin LF size LF base64(root) LF", no extension lines. */
MUSTUSE int checkpoint_format(const struct checkpoint *c, struct buf *out, struct err *e);
MUSTUSE int checkpoint_parse(
    const char *text, size_t len, struct checkpoint *out, struct err *e);

/* format + sign, and verify + parse (origin must equal the name of the key that signed). */
MUSTUSE int checkpoint_sign(const struct checkpoint *c,
    const struct signer *const *signers, size_t n, struct buf *out, struct err *e);
/* Who signed: bit i of *signers is keys[i]. At most NOTE_KEYS_MAX keys. */
MUSTUSE int checkpoint_open_by(const char *note, size_t len,
    const struct public_key *keys, size_t n_keys, struct checkpoint *out,
    uint64_t *signers, struct err *e);
MUSTUSE int checkpoint_open(const char *note, size_t len, const struct public_key *keys,
    size_t n_keys, struct checkpoint *out, struct err *e);

/*
 * What a checkpoint says of its size before anybody has looked who signed it: only to choose the keys
 * to check it with. False if it says nothing.
 */
bool checkpoint_claimed_size(const char *note, size_t len, uint64_t *size);

#endif
