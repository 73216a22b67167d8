/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_events.c: see kernel_events.h. Events lie four bytes apart, not eight: what is looked at is a copy. */
#include "watch/kernel_events.h"

#include <string.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>

/* struct file_handle, whose last member has no length that C could copy. */
struct handle_head {
	uint32_t len;
	int32_t type;
};

/* A record that names an object: file system, handle, and for some kinds a name that ends with a NUL. */
static bool take_handle(
    const uint8_t *p, size_t len, struct kernel_handle *out, const char **name)
{
	const size_t start = sizeof(struct fanotify_event_info_fid);
	struct fanotify_event_info_fid info;
	struct handle_head head;

	if (len < start + sizeof(head))
		return false;
	memcpy(&info, p, sizeof(info));
	memcpy(&head, p + start, sizeof(head));
	p += start + sizeof(head);
	len -= start + sizeof(head);
	if (head.len > len)
		return false;
	_Static_assert(sizeof(info.fsid) == sizeof(out->fsid), "a number of 64 bits");
	memcpy(&out->fsid, &info.fsid, sizeof(out->fsid));
	out->type = head.type;
	out->len = head.len;
	out->bytes = p;
	if (!name)
		return true;
	p += head.len;
	len -= head.len;
	*name = (const char *)p;
	return len > 0 && *p && memchr(p, '\0', len);
}

static bool take_pidfd(const uint8_t *p, size_t len, int *out)
{
	struct fanotify_event_info_pidfd info;

	if (len < sizeof(info))
		return false;
	memcpy(&info, p, sizeof(info));
	*out = info.pidfd >= 0 ? info.pidfd : -1;
	return true;
}

static bool take_record(
    uint8_t type, const uint8_t *p, size_t len, struct fanotify_found *out)
{
	switch (type) {
	case FAN_EVENT_INFO_TYPE_FID:
		return take_handle(p, len, &out->object, NULL);
	case FAN_EVENT_INFO_TYPE_DFID_NAME:
	case FAN_EVENT_INFO_TYPE_NEW_DFID_NAME:
		return take_handle(p, len, &out->in, &out->name);
	case FAN_EVENT_INFO_TYPE_OLD_DFID_NAME:
		return take_handle(p, len, &out->from, &out->from_name);
	case FAN_EVENT_INFO_TYPE_PIDFD:
		return take_pidfd(p, len, &out->pidfd);
	default:
		return true; /* of a later kernel */
	}
}

size_t fanotify_take(const uint8_t *p, size_t len, struct fanotify_found *out)
{
	struct fanotify_event_metadata m;
	struct fanotify_event_info_header head;

	*out = (struct fanotify_found){.pidfd = -1};
	if (len < sizeof(m))
		return 0;
	memcpy(&m, p, sizeof(m));
	if (m.vers != FANOTIFY_METADATA_VERSION || m.metadata_len < sizeof(m) ||
	    m.event_len < m.metadata_len || m.event_len > len)
		return 0;
	out->mask = m.mask;
	out->pid = m.pid;
	for (size_t at = m.metadata_len; at < m.event_len; at += head.len) {
		if (m.event_len - at < sizeof(head))
			return 0;
		memcpy(&head, p + at, sizeof(head));
		if (head.len < sizeof(head) || head.len > m.event_len - at ||
		    !take_record(head.info_type, p + at, head.len, out))
			return 0;
	}
	return m.event_len;
}

size_t inotify_take(const uint8_t *p, size_t len, struct inotify_found *out)
{
	struct inotify_event head;

	*out = (struct inotify_found){.wd = -1};
	if (len < sizeof(head))
		return 0;
	memcpy(&head, p, sizeof(head));
	if (head.len > len - sizeof(head))
		return 0;
	out->wd = head.wd;
	out->mask = head.mask;
	if (head.len) {
		out->name = (const char *)p + sizeof(head);
		if (!*out->name || !memchr(out->name, '\0', head.len))
			return 0;
	}
	return sizeof(head) + head.len;
}
