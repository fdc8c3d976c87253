"""The commands of the networks: one at a time runs on each, and what it does is done at its end."""

from collections.abc import Callable
from threading import RLock

from blink_archive.simulator.records import Camera, Command, Network, UnknownId

POLLS = 3
SECONDS = 10
FIRST_ID = 750082090


class Commands:
    """Thread-safe under the lock it is given; `now` tells Unix seconds, `network` finds one by its id."""

    def __init__(self, now: Callable[[], int], lock: RLock, network: Callable[[int], Network]) -> None:
        self._now = now
        self._lock = lock
        self._network = network
        self._commands: dict[int, Command] = {}
        self._unfinished: dict[int, Command] = {}
        self._next_id = FIRST_ID
        self._failures: list[tuple[int, str]] = []

    def fail_next(self, *, status_code: int = 999, message: str = "Command failed") -> None:
        """The next command to begin ends with that code, and nothing is done. (All that is known of the
        codes of failures is that they are not 908.)"""
        with self._lock:
            self._failures.append((status_code, message))

    def settle(self) -> None:
        """What is to have ended by now has ended, whether anybody polled it or not."""
        with self._lock:
            for command in tuple(self._unfinished.values()):
                self._advance(command)

    def running(self, network_id: int) -> Command | None:
        """The command that runs on a network by now; to look is no poll."""
        with self._lock:
            network = self._network(network_id)
            self.settle()
            running = (command for command in self._unfinished.values() if command.network is network)
            return next(running, None)

    def start(
        self,
        network_id: int,
        verb: str,
        finish: Callable[[Command], None],
        *,
        camera: Camera | None = None,
        lasts: int | None = None,
    ) -> Command | None:
        """Begin a command, at whose end `finish` happens; None while another one runs on that network.

        One that `lasts` is a live view: it runs so many seconds, unless it is ended.
        """
        with self._lock:
            if self.running(network_id) is not None:
                return None
            command = Command(
                id=self._next_id, network=self._network(network_id), command=verb, created=self._now(),
                finish=finish, camera=camera, lasts=lasts,
            )  # fmt: skip
            if self._failures:
                command.status_code, command.status_msg = self._failures.pop(0)
                command.finish = lambda _: None
            self._next_id += 10
            self._commands[command.id] = command
            self._unfinished[command.id] = command
            return command

    def find(self, network_id: int, command_id: int) -> Command:
        """A command of that network; UnknownId where there is none."""
        with self._lock:
            command = self._commands.get(command_id)
            if command is None or command.network.id != network_id:
                raise UnknownId(command_id)
            return command

    def poll(self, network_id: int, command_id: int) -> Command:
        """One poll: a command is new at the first, running at the second, complete at the third."""
        with self._lock:
            command = self.find(network_id, command_id)
            command.polls += 1
            self._advance(command)
            return command

    def complete(self, command: Command) -> None:
        """It ends now, if it has not ended before."""
        with self._lock:
            if not command.complete:
                command.complete = True
                del self._unfinished[command.id]
                command.finish(command)

    def _advance(self, command: Command) -> None:
        """Nobody has to poll: by itself a command takes ten seconds."""
        passed = self._now() - command.created
        if command.lasts is not None:
            ended = passed >= command.lasts
        else:
            ended = command.polls >= POLLS or passed >= SECONDS
        if ended:
            self.complete(command)
