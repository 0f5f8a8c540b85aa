"""One Apache Kafka broker on this machine, for tests, benchmarks and demonstrations: KRaft, one node, 127.0.0.1 only.

    with start(folder) as broker:
        connect(broker.bootstrap_servers)

Run as a script it stays up until Ctrl-C: `python -m scripts.kafka [folder]`. The jars come from Maven Central
(`deploy/kafka/pom.xml`) into `.build/kafka`, once; Java 17 and Maven must be there.
"""

import argparse
import atexit
import fcntl
import hashlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import time
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parent.parent
POM = ROOT / "deploy" / "kafka" / "pom.xml"
JARS = ROOT / ".build" / "kafka"

# How long a broker may take to answer after its start, and to end after SIGTERM; seconds.
STARTS_WITHIN = 60.0
STOPS_WITHIN = 20.0

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
log.retention.ms=-1
log.retention.bytes=-1
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=2000
num.network.threads=2
num.io.threads=2
log.cleaner.dedupe.buffer.size=8388608
"""

_JAVA = (
    "-Xms128m",
    "-Xmx320m",
    "-XX:+UseSerialGC",
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dlog4j2.disable.jmx=true",
)


class KafkaDidNotStart(Exception):
    """The broker, or what it needs, could not be started; the message says why."""


def fetch_jars() -> Path:
    """The folder of Kafka's jars; filled by Maven when the pom has changed or it is not there.

    Raises KafkaDidNotStart: Java or Maven is missing, or Maven could not fetch them.
    """
    for program, package in (("java", "default-jre-headless"), ("mvn", "maven")):
        if shutil.which(program) is None:
            raise KafkaDidNotStart(f"{program} is missing: apt-get install {package}")
    wanted = hashlib.sha256(POM.read_bytes()).hexdigest()
    stamp = JARS / "pom.sha256"
    JARS.parent.mkdir(parents=True, exist_ok=True)
    with (JARS.parent / "kafka.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == wanted:
            return JARS
        shutil.rmtree(JARS, ignore_errors=True)
        done = subprocess.run(
            [
                *("mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies"),
                *("-DincludeScope=runtime", f"-DoutputDirectory={JARS}"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise KafkaDidNotStart(f"mvn could not fetch Kafka's jars:\n{done.stdout}{done.stderr}")
        stamp.write_text(wanted)
    return JARS


class Broker:
    """A running broker. Its data and its output (`kafka.out`) are in its folder; ports stay the same over a restart."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._port, self._controller = _free_ports(2)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap_servers(self) -> str:
        """Where clients connect, such as `127.0.0.1:41233`."""
        return f"127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """The process id of the Java process."""
        if self._process is None:
            raise KafkaDidNotStart("the broker is not running")
        return self._process.pid

    def stop(self) -> None:
        """End it in order; killed if it has not ended after 20 s. Nothing happens if it is not running."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, as a crash does (`kill -9`)."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Start it, again if it ran, on the same ports with the same data, and wait until it answers."""
        self.stop()
        self._launch()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def format(self) -> None:
        """Prepare the folder of a new broker."""
        data = self.folder / "data"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._settings.write_text(_PROPERTIES.format(port=self._port, controller=self._controller, data=data))
        if (data / "meta.properties").exists():
            return
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        done = subprocess.run(
            [*self._java("kafka.tools.StorageTool"), "format", f"--cluster-id={cluster}", "-c", str(self._settings)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise KafkaDidNotStart(f"Kafka's folder could not be formatted:\n{done.stdout}{done.stderr}")

    def _launch(self) -> None:
        # A session of its own: Ctrl-C in a terminal reaches the tests first, and they end the broker.
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                [*self._java("kafka.Kafka"), str(self._settings)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + STARTS_WITHIN
        while not _answers(self._port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise KafkaDidNotStart(f"Kafka did not start:\n{self._output.read_text(errors='replace')[-4000:]}")
            time.sleep(0.1)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _java(self, main: str) -> list[str]:
        return ["java", *_JAVA, "-cp", f"{JARS}/*", main]

    @property
    def _settings(self) -> Path:
        return self.folder / "server.properties"

    @property
    def _output(self) -> Path:
        return self.folder / "kafka.out"


def start(folder: Path) -> Broker:
    """Start a broker with its data in `folder` (made if it is not there), and wait until it answers: some 5 s.

    Raises KafkaDidNotStart with what it said.
    """
    fetch_jars()
    broker = Broker(folder)
    broker.format()
    atexit.register(broker.stop)
    broker.restart()
    return broker


def _free_ports(count: int) -> list[int]:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


def _answers(port: int) -> bool:
    """Whether a Metadata request (version 1, no topics) names a broker: only then can topics be made."""
    body = struct.pack(">hhihi", 3, 1, 1, -1, 0)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
            answer = b""
            while len(answer) < 12:
                more = connection.recv(4096)
                if not more:
                    return False
                answer += more
    except OSError:
        return False
    # Length, correlation id, then the number of brokers.
    return int(struct.unpack(">i", answer[8:12])[0]) > 0


def main() -> None:
    """Stay up until Ctrl-C or SIGTERM."""
    arguments = argparse.ArgumentParser(description="One Kafka broker on 127.0.0.1, until Ctrl-C.")
    arguments.add_argument("folder", nargs="?", type=Path, default=ROOT / ".build" / "kafka-data")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with start(arguments.parse_args().folder) as broker:
        print(f"KAFKA_BOOTSTRAP_SERVERS={broker.bootstrap_servers} (process {broker.pid}, this one is {os.getpid()})", flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            print("ending")


if __name__ == "__main__":
    main()
