package pgtest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// cluster is a PostgreSQL server of our own.
type cluster struct {
	dir        string
	supervisor *exec.Cmd
	orders     io.WriteCloser // closed: the supervisor ends the server
	said       *bufio.Scanner
}

// supervise makes a cluster in $2 with the programs of $1, starts it, says so,
// and does as it is told until the end of its input: the end of the test binary,
// be it by exit, panic or kill -9. Then it stops the server and removes the
// folder.
const supervise = `
log=$2/log data=$2/data
start() {
	"$1/postgres" -D "$data" -c listen_addresses= -c unix_socket_directories="$2" \
		-c max_connections=400 -c fsync=on >>"$log" 2>&1 &
	server=$!
	until grep -qs '^ready' "$data/postmaster.pid"; do
		kill -0 $server 2>/dev/null || break
		sleep 0.05
	done
	if grep -qs '^ready' "$data/postmaster.pid"; then echo ready; else cat "$log"; echo failed; fi
}
if "$1/initdb" -D "$data" -U postgres -E UTF8 --no-locale --no-sync --auth-local=trust >"$log" 2>&1; then
	printf 'local all,replication postgres trust\nlocal all all scram-sha-256\n' >"$data/pg_hba.conf"
	start "$1" "$2"
else
	cat "$log"
	echo failed
fi
while read -r order primary; do
	case $order in
	stop) kill -INT $server; wait $server; server=; echo stopped ;;
	kill) kill -KILL $server; wait $server; server=; echo killed ;;
	start) start "$1" "$2" ;;
	follow)
		if [ -n "$server" ]; then kill -INT $server; wait $server; server=; fi
		rm -rf "$data"
		if "$1/pg_basebackup" -d "host=$primary port=5432 user=postgres" -D "$data" -X stream -c fast -R >"$log" 2>&1; then
			start "$1" "$2"
		else
			cat "$log"
			echo failed
		fi ;;
	promote)
		# The settings are those of the primary, which waited for this standby.
		echo "synchronous_standby_names = ''" >>"$data/postgresql.auto.conf"
		if "$1/pg_ctl" reload -D "$data" >>"$log" 2>&1 && "$1/pg_ctl" promote -D "$data" -t 60 >>"$log" 2>&1; then echo promoted; else cat "$log"; echo failed; fi ;;
	esac
done
exec >/dev/null
if [ -n "$server" ]; then kill -QUIT $server; wait $server; fi
cd / && rm -rf "$2"
`

func startCluster() (*cluster, error) {
	programs, err := findPrograms()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "pgtest")
	if err != nil {
		return nil, fmt.Errorf("pgtest: %w", err)
	}
	c := &cluster{dir: dir, supervisor: exec.Command("/bin/sh", "-c", supervise, "sh", programs, dir)}
	c.supervisor.Dir = dir
	// A group of its own: an interrupt from the terminal is for the tests.
	c.supervisor.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() == 0 {
		if c.supervisor.SysProcAttr.Credential, err = unprivileged(dir); err != nil {
			return nil, errors.Join(err, os.Remove(dir))
		}
	}
	if c.orders, err = c.supervisor.StdinPipe(); err != nil {
		return nil, errors.Join(err, os.Remove(dir))
	}
	said, err := c.supervisor.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, os.Remove(dir))
	}
	if err := c.supervisor.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("pgtest: %w", err), os.Remove(dir))
	}
	c.said = bufio.NewScanner(said)
	if err := c.await("ready"); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

// await reads until the supervisor says word.
func (c *cluster) await(word string) error {
	var log []string
	for c.said.Scan() {
		switch line := c.said.Text(); line {
		case word:
			return nil
		case "failed":
			return fmt.Errorf("pgtest: PostgreSQL does not start:\n%s", strings.Join(log, "\n"))
		default:
			log = append(log, line)
		}
	}
	return errors.New("pgtest: the supervisor ended")
}

// tell gives the supervisor an order and waits until it is done.
func (c *cluster) tell(order, done string) error {
	if _, err := io.WriteString(c.orders, order+"\n"); err != nil {
		return fmt.Errorf("pgtest: %w", err)
	}
	return c.await(done)
}

// stop ends the cluster for good.
func (c *cluster) stop() error {
	if err := errors.Join(c.orders.Close(), c.supervisor.Wait()); err != nil {
		return fmt.Errorf("end PostgreSQL in %s: %w", c.dir, err)
	}
	return nil
}

// url is that of the superuser.
func (c *cluster) url() string {
	return (&url.URL{
		Scheme: "postgres", User: url.User("postgres"), Path: "/postgres",
		RawQuery: url.Values{"host": {c.dir}, "port": {"5432"}}.Encode(),
	}).String()
}

// findPrograms finds the folder of the newest server programs: in PATH, or
// where Debian keeps them.
func findPrograms() (string, error) {
	var candidates []string
	if program, err := exec.LookPath("initdb"); err == nil {
		candidates = append(candidates, filepath.Dir(program))
	}
	versions, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	slices.SortFunc(versions, func(a, b string) int { return version(b) - version(a) })
	for _, dir := range append(candidates, versions...) {
		if !slices.ContainsFunc([]string{"initdb", "pg_basebackup", "pg_ctl", "postgres"}, func(name string) bool {
			_, err := exec.LookPath(filepath.Join(dir, name))
			return err != nil
		}) {
			return dir, nil
		}
	}
	return "", errNoServer
}

// version is the major version that a Debian folder is named for.
func version(bin string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(bin))) // 0 sorts last
	return n
}

// unprivileged gives dir to the user that is to run the server: PostgreSQL
// refuses to run as root.
func unprivileged(dir string) (*syscall.Credential, error) {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("pgtest: %w", err)
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("pgtest: %w", err)
		}
		if err := os.Chown(dir, int(uid), int(gid)); err != nil {
			return nil, fmt.Errorf("pgtest: %w", err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("pgtest: PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
}
