#!/bin/bash
# A Slurm of this one machine, for the tests: munge, slurmctld and slurmd as root, stopped by `slurm_one_node.sh stop`.
# Debian: apt-get install -y slurm-wlm munge. Settings after Slurm's quick start, https://slurm.schedmd.com/quickstart_admin.html
# A requeued job waits until its old credential has expired, two minutes by default; here five seconds.
# Overwrites /etc/slurm/slurm.conf, so it refuses a machine that has another one.
set -euo pipefail

conf=/etc/slurm/slurm.conf
state=/var/lib/h2scale-slurm
mark="# written by h2scale/tests/slurm_one_node.sh"

stop() {
  for daemon in slurmd slurmctld; do
    [ -f "$state/$daemon.pid" ] && kill "$(cat "$state/$daemon.pid")" 2>/dev/null || true
    rm -f "$state/$daemon.pid"
  done
}

if [ "${1:-start}" = stop ]; then
  stop
  exit 0
fi
if squeue --noheader >/dev/null 2>&1; then
  echo "a Slurm answers already"
  exit 0
fi
if [ -s "$conf" ] && ! grep -qF "$mark" "$conf"; then
  echo "$conf belongs to another Slurm that does not answer; it is left alone" >&2
  exit 1
fi
host=$(hostname -s)
mkdir -p /etc/slurm /run/munge "$state/ctld" "$state/d"
chown munge:munge /run/munge
if [ ! -s /etc/munge/munge.key ]; then
  head -c 1024 /dev/urandom >/etc/munge/munge.key
  chown munge:munge /etc/munge/munge.key
  chmod 400 /etc/munge/munge.key
fi
cat >"$conf" <<SETTINGS
$mark
ClusterName=h2scale-tests
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$state/ctld
SlurmdSpoolDir=$state/d
SlurmctldPidFile=$state/slurmctld.pid
SlurmdPidFile=$state/slurmd.pid
SlurmctldLogFile=$state/slurmctld.log
SlurmdLogFile=$state/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
JobRequeue=1
AuthInfo=cred_expire=5
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$(($(free -m | awk '/^Mem/ {print $2}') / 2)) State=UNKNOWN
PartitionName=debug Nodes=$host Default=YES MaxTime=60 State=UP
SETTINGS
pgrep -x munged >/dev/null || runuser -u munge -- /usr/sbin/munged --force
slurmctld
slurmd
for _ in $(seq 30); do
  sinfo --noheader --format %t 2>/dev/null | grep -q idle && exec sinfo
  sleep 1
done
echo "Slurm did not come up; see $state" >&2
exit 1
