/* SPDX-License-Identifier: Apache-2.0 */
/* config_impl.h: values that several sections of layerseal.conf have. Errors name the setting. */
#ifndef GUARD_CONFIG_IMPL_H
#define GUARD_CONFIG_IMPL_H

#include "guard/config.h"

/* yes or no */
MUSTUSE int config_flag(bool *to, const char *name, const char *value, struct err *e);
/* An absolute path; takes the place of what is there. */
MUSTUSE int config_path(char **path, const char *name, const char *value, struct err *e);

void watch_settings_default(struct watch_settings *w);
void watch_settings_release(struct watch_settings *w);
/* One setting of [watch]. */
MUSTUSE int watch_settings_set(
    struct watch_settings *w, const char *name, const char *value, struct err *e);

#endif
