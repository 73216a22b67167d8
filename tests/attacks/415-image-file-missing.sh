# SPDX-License-Identifier: Apache-2.0
what='file of an image removed'
expect=image-file drivers='overlay vfs'
attack() { rm "$(big_data_file "$APP" "sha256:$APP")"; }
