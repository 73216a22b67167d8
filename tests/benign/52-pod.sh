# SPDX-License-Identifier: Apache-2.0
what='a pod without infra container'
operate() {
	podman pod create --infra=false --name group
	create --pod group --name member localhost/app
	podman pod rm -f group
}
