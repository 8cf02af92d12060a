"""
Which script holds for a conversation, and which of its turns is due.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from agent_perf.sim.request import BACKGROUND_ID, running_request
from agent_perf.sim.services.llm.conversation import ChatRequest
from agent_perf.sim.services.llm.script import Progress, Script, script_of
from agent_perf.sim.services.llm.turns import Text, Turn

_NO_TURNS: Final = Script(turns=(Text(content=None, tokens=None),), can_fail=False)


class Scripts:
    """
    The scripts of one endpoint.

    Attributes:
        are_given: Whether there is any.
    """

    def __init__(self) -> None:
        self.are_given = False
        self._script = _NO_TURNS
        self._routes: list[tuple[Callable[[ChatRequest], bool], Script]] = []
        self._progress = Progress()

    def give(self, turns: Sequence[object]) -> None:
        """Let *turns* hold for whoever has no script of its own; errors as in `script_of`."""
        self._script = script_of(turns)
        self.are_given = True
        # What failed was of the script before.
        self._progress = Progress()

    def say(self, turns: Sequence[object]) -> None:
        """Let *turns* hold for the running request; outside of any, as `give`."""
        state = running_request()
        if state.request_id == BACKGROUND_ID:
            self.give(turns)
            return
        # Failures of other requests go on counting: each has a place of its own.
        state.script = self._script = script_of(turns)
        self.are_given = True

    def route(self, predicate: Callable[[ChatRequest], bool], turns: Sequence[object]) -> None:
        """Let *turns* hold for conversations with *predicate*; first match wins."""
        self._routes.append((predicate, script_of(turns)))
        self.are_given = True

    def turn(self, chat: ChatRequest) -> Turn:
        """
        Return the turn that is due in *chat*, and count it if it is an error.

        Whoever offers no tool at all, as a summary beside an agent, is answered in words.
        """
        script = self._script_for(chat)
        turn = self._progress.turn(script, chat)
        if isinstance(turn, Text) and turn.calls and not chat.tool_names():
            return script.words_after(turn)
        return turn

    def failure_of(self, turn: Text, chat: ChatRequest) -> Callable[[], None]:
        """Return what to call, once or more, if *chat* does not get the whole *turn*."""
        return self._progress.failure_of(turn, chat)

    def _script_for(self, chat: ChatRequest) -> Script:
        for predicate, script in self._routes:
            if predicate(chat):
                return script
        own = running_request().script
        return own if isinstance(own, Script) else self._script
