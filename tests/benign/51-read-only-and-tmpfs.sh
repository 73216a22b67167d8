# SPDX-License-Identifier: Apache-2.0
what='a read-only container with tmpfs'
operate() { run --rm --read-only --tmpfs /scratch localhost/app; }
