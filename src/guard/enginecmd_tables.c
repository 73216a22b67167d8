/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enginecmd_tables.c: see enginecmd_tables.h. From the help texts of podman 4.3 and 5.4, buildah 1.28 and 1.39
 * (tests/cli/70-hook.t compares), and, for what these hide and for newer versions, from their sources.
 */
#include "guard/enginecmd_tables.h"

#define PODMAN_GLOBAL                                                                    \
	"D,debug help noout r,remote syslog trace transient-store v,version "            \
	"H,host= c,connection= cdi-spec-dir= cgroup-manager= cni-config-dir= config= "   \
	"conmon= context= cpu-profile= database-backend= db-backend= "                   \
	"default-mounts-file= events-backend= hooks-dir= identity= imagestore= "         \
	"log-level= max-workers= memory-profile= module= namespace= network-backend= "   \
	"network-cmd-path= network-config-dir= out= registries-conf= root= runroot= "    \
	"runtime-flag= runtime= ssh= storage-driver= storage-opt= tls-ca= tls-cert= "    \
	"tls-key= tmpdir= url= volumepath= "

#define BUILDAH_GLOBAL                                                                   \
	"debug h,help v,version "                                                        \
	"cgroup-manager= cpu-profile= default-mounts-file= imagestore= log-level= "      \
	"memory-profile= registries-conf-dir= registries-conf= root= runroot= "          \
	"short-name-alias-conf= storage-driver= storage-opt= userns-gid-map= "           \
	"userns-uid-map= "

/* Options that `podman build` and `buildah build` share. */
#define BUILD                                                                            \
	"D,disable-compression all-platforms compat-volumes compress "                   \
	"created-annotation disable-content-trust force-rm http-proxy identity-label "   \
	"inherit-annotations inherit-labels layers log-rusage logsplit no-cache "        \
	"no-hostname no-hosts no-pivot omit-history pull pull-always pull-never "        \
	"purge q,quiet rewrite-timestamp rm save-stages skip-unused-stages squash "      \
	"stage-labels stdin tls-verify "                                                 \
	"add-host= annotation= arch= authfile= blob-cache= build-arg-file= build-arg= "  \
	"build-context= cache-from= cache-to= cache-ttl= cap-add= cap-drop= cert-dir= "  \
	"cgroup-parent= cgroupns= cni-config-dir= cni-plugin-path= cpp-flag= "           \
	"cpu-period= cpu-quota= c,cpu-shares= cpuset-cpus= cpuset-mems= creds= cw= "     \
	"decryption-key= device= dns-option= dns-search= dns= env= f,file= format= "     \
	"from= group-add= hooks-dir= ignorefile= iidfile= iidfile-raw= ipc= "            \
	"isolation= jobs= label= layer-label= logfile= loglevel= manifest= "             \
	"memory-swap= m,memory= metadata-file= net= network= os-feature= os-version= "   \
	"os= override-arch= override-os= o,output= pid= platform= retry-delay= retry= "  \
	"runtime-flag= rusage-logfile= sbom-image-output= sbom-image-purl-output= "      \
	"sbom-merge-strategy= sbom-output= sbom-purl-output= sbom-scanner-command= "     \
	"sbom-scanner-image= sbom= secret= security-opt= shm-size= sign-by= "            \
	"signature-policy= source-date-epoch= source-policy-file= ssh= t,tag= target= "  \
	"timestamp= ulimit= unsetannotation= unsetenv= unsetlabel= "                     \
	"userns-gid-map-group= userns-gid-map= userns-uid-map-user= userns-uid-map= "    \
	"userns= uts= variant= v,volume= "

#define PODMAN_BUILD BUILD "load squash-all progress= platforms= "
#define FARM_BUILD PODMAN_BUILD "cleanup l,local farm= "

#define PODMAN_RUN                                                                       \
	"P,publish-all d,detach disable-content-trust env-host http-proxy "              \
	"i,interactive init no-healthcheck no-hostname no-hosts oom-kill-disable "       \
	"passwd privileged q,quiet read-only read-only-tmpfs replace rm rmi rootfs "     \
	"sig-proxy t,tty tls-verify unsetenv-all "                                       \
	"add-host= annotation= arch= a,attach= authfile= blkio-weight-device= "          \
	"blkio-weight= cap-add= cap-drop= cert-dir= cgroup-conf= cgroup-parent= "        \
	"cgroupns= cgroups= chrootdirs= cidfile= conmon-pidfile= cpu-period= "           \
	"cpu-quota= cpu-rt-period= cpu-rt-runtime= c,cpu-shares= cpus= cpuset-cpus= "    \
	"cpuset-mems= creds= decryption-key= detach-keys= device-cgroup-rule= "          \
	"device-read-bps= device-read-iops= device-write-bps= device-write-iops= "       \
	"device= dns-opt= dns-option= dns-search= dns= entrypoint= env-file= "           \
	"env-merge= e,env= expose= gidmap= gpus= group-add= group-entry= health-cmd= "   \
	"health-interval= health-log-destination= health-max-log-count= "                \
	"health-max-log-size= health-on-failure= health-retries= health-start-period= "  \
	"health-startup-cmd= health-startup-interval= health-startup-retries= "          \
	"health-startup-success= health-startup-timeout= health-timeout= "               \
	"healthcheck-command= healthcheck-interval= healthcheck-retries= "               \
	"healthcheck-start-period= healthcheck-timeout= hosts-file= h,hostname= "        \
	"hostuser= image-volume= init-ctr= init-path= ip6= ip= ipc= label-file= "        \
	"l,label= log-driver= log-opt= mac-address= memory-reservation= memory-swap= "   \
	"memory-swappiness= m,memory= mount= name= net= network-alias= network= "        \
	"no-trunc oom-score-adj= os= override-arch= override-os= override-variant= "     \
	"passwd-entry= personality= pid= pidfile= pids-limit= platform= pod-id-file= "   \
	"pod= preserve-fd= preserve-fds= p,publish= pull= rdt-class= requires= "         \
	"restart= retry-delay= retry= sdnotify= seccomp-policy= secret= "                \
	"security-opt= shm-size-systemd= shm-size= signature-policy= stop-signal= "      \
	"stop-timeout= subgidname= subuidname= sysctl= systemd= timeout= tmpfs= tz= "    \
	"uidmap= ulimit= umask= unsetenv= u,user= userns= uts= variant= v,volume= "      \
	"volumes-from= w,workdir= "

#define PUSH                                                                             \
	"D,disable-compression all compress disable-content-trust "                      \
	"force-compression insecure p,purge q,quiet remove-signatures rm tls-verify "    \
	"add-compression= authfile= blob-cache= cert-dir= compression-format= "          \
	"compression-level= creds= digestfile= encrypt-layer= encryption-key= "          \
	"f,format= retry-delay= retry= sign-by-sigstore-private-key= "                   \
	"sign-by-sigstore= sign-by-sq-fingerprint= sign-by= sign-passphrase-file= "      \
	"signature-policy= "

#define KUBE_PLAY                                                                        \
	"build down force no-hostname no-hosts no-pod-prefix no-trunc publish-all "      \
	"q,quiet replace start tls-verify w,wait "                                       \
	"annotation= authfile= cert-dir= configmap= context-dir= creds= ip= "            \
	"log-driver= log-opt= mac-address= network= publish= seccomp-profile-root= "     \
	"signature-policy= static-ip= static-mac= userns= "

#define BUILDAH_FROM                                                                     \
	"http-proxy pull pull-always pull-never q,quiet tls-verify "                     \
	"add-host= arch= authfile= blob-cache= cap-add= cap-drop= cert-dir= "            \
	"cgroup-parent= cgroupns= cidfile= cni-config-dir= cni-plugin-path= "            \
	"cpu-period= cpu-quota= c,cpu-shares= cpuset-cpus= cpuset-mems= creds= "         \
	"decryption-key= device= dns-option= dns-search= dns= f,format= group-add= "     \
	"ipc= isolation= memory-swap= m,memory= name= net= network= os= "                \
	"override-arch= override-os= pid= platform= retry-delay= retry= "                \
	"security-opt= shm-size= signature-policy= ulimit= userns-gid-map-group= "       \
	"userns-gid-map= userns-uid-map-user= userns-uid-map= userns= uts= variant= "    \
	"v,volume= "

#define BUILDAH_RUN                                                                      \
	"add-history no-hostname no-hosts no-pivot t,terminal tty "                      \
	"cap-add= cap-drop= cgroupns= cni-config-dir= cni-plugin-path= contextdir= "     \
	"device= e,env= hostname= ipc= isolation= mount= net= network= pid= "            \
	"runtime-flag= runtime= security-opt= user= uts= v,volume= workingdir= "

static const struct engine_verb podman_verbs[] = {
    {"build", ENGINE_BUILD, PODMAN_BUILD, false},
    {"image build", ENGINE_BUILD, PODMAN_BUILD, false},
    {"buildx build", ENGINE_BUILD, PODMAN_BUILD, false},
    {"builder build", ENGINE_BUILD, PODMAN_BUILD, false},
    {"farm build", ENGINE_BUILD, FARM_BUILD, false},
    /* They build where a directory has a Containerfile. */
    {"kube play", ENGINE_BUILD, KUBE_PLAY, false},
    {"play kube", ENGINE_BUILD, KUBE_PLAY, false},
    {"run", ENGINE_USE, PODMAN_RUN, true},
    {"create", ENGINE_USE, PODMAN_RUN, true},
    {"container run", ENGINE_USE, PODMAN_RUN, true},
    {"container create", ENGINE_USE, PODMAN_RUN, true},
    {"push", ENGINE_USE, PUSH, false},
    {"image push", ENGINE_USE, PUSH, false},
    {"manifest push", ENGINE_USE, PUSH, false},
};

static const struct engine_verb buildah_verbs[] = {
    {"build", ENGINE_BUILD, BUILD "runtime= ", false},
    {"bud", ENGINE_BUILD, BUILD "runtime= ", false},
    {"build-using-dockerfile", ENGINE_BUILD, BUILD "runtime= ", false},
    {"from", ENGINE_USE, BUILDAH_FROM, true},
    {"run", ENGINE_USE, BUILDAH_RUN, true},
    {"push", ENGINE_USE, PUSH, false},
    {"manifest push", ENGINE_USE, PUSH, false},
};

const struct engine_table engine_tables[] = {
    [ENGINE_PODMAN] = {PODMAN_GLOBAL, podman_verbs, ARRAY_LEN(podman_verbs), true},
    [ENGINE_BUILDAH] = {BUILDAH_GLOBAL, buildah_verbs, ARRAY_LEN(buildah_verbs), false},
};
