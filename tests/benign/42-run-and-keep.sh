# SPDX-License-Identifier: Apache-2.0
what='a stopped container stays'
operate() { run --name kept localhost/app; }
