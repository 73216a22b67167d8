# SPDX-License-Identifier: Apache-2.0
what='a layer with every kind of file and odd names' makes=objects
operate() {
	build_text -t localhost/kinds <<-'END'
		FROM localhost/base
		RUN mkfifo /p && ln -s /nowhere /dangling && echo x > '/a b' && echo y > "/$(printf 'new\nline')" && echo z > "/$(printf '\377')" && mkdir -p /d/e/f && ln /d/e/f/../../../etc/passwd /d/hard && touch /empty && chmod 6755 /empty && chown 1000:1000 /d && rm /etc/group && rm -r /srv && mkdir /srv && touch -d '1970-01-01 00:00:00' /old
	END
}
