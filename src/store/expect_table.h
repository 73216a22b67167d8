/* SPDX-License-Identifier: Apache-2.0 */
/* expect_table.h: the table under expect.h, for expect.c and expect_apply.c only. */
#ifndef STORE_EXPECT_TABLE_H
#define STORE_EXPECT_TABLE_H

#include "store/expect.h"

static inline const char *table_name(const struct expect *x, uint32_t node)
{
	return x->bytes.data + x->nodes[node].name;
}

void table_root(struct expect *x);
uint32_t table_child(
    const struct expect *x, uint32_t parent, const char *name, size_t len);
/* A new name below `parent`, linked; its inode and origin are the caller's to set. */
MUSTUSE int table_node(struct expect *x, uint32_t parent, const char *name, size_t len,
    uint32_t *out, struct err *e);
/* Puts the name into its parent's list of children, if it is not there. */
void table_link(struct expect *x, uint32_t node);
MUSTUSE int table_inode(struct expect *x, uint32_t *inode, struct err *e);
/* Keeps bytes and a NUL. */
MUSTUSE int table_bytes(
    struct expect *x, const char *p, size_t len, uint32_t *offset, struct err *e);
/* Makes `list` (owned from here on) the inode's. */
MUSTUSE int table_xattrs(
    struct expect *x, uint32_t inode, struct expect_xattrs *list, struct err *e);

#endif
