"""The chat panel: puts history, transcript and composer together and carries the person's wishes to the chat service."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import msgspec
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from ...domain.conversations import ChatParams, Conversation, Transcript, Turn
from ...domain.messages import Part, TextPart
from ..theme import SPACE_L, SPACE_M, SPACE_S, set_role
from . import words
from .answering import Answering
from .asking import Asking
from .composer import Composer, Draft
from .deletion import Deletion
from .empty import EmptyView
from .files import Files
from .finding import FindBar
from .history import History
from .links import LinkCard
from .models import ModelChoice
from .parameters import ParametersCard, changed_count
from .transcript import TranscriptView

if TYPE_CHECKING:
    from ...chat.service import ChatService
    from ..session import Session
    from ..shell import Shell

_WIDEST = 860
_NEW = ""


class ChatPanel(QWidget):
    """All of the chat. ``open_item(conversation id)`` opens one."""

    def __init__(self, session: Session, shell: Shell) -> None:
        super().__init__()
        self._session, self._shell = session, shell
        self._engine = session.engine
        theme, icons = shell.theme, shell.icons
        self._open: Conversation | None = None
        self._wanted = _NEW
        self._drafts: dict[str, Draft] = {}
        self._searched = ""
        self.answering = Answering(self._start_answer, self._on_event)
        self._asking = Asking(shell, session.engine, self.answering)
        self.history = History(theme, icons)
        self.transcript = TranscriptView(theme, icons)
        self.empty = EmptyView()
        self.composer = Composer(icons)
        self.find_bar = FindBar(icons, self.transcript)
        self.link_card = LinkCard()
        self.parameters = ParametersCard()
        self.models = ModelChoice(session, shell)
        self.files = Files(shell)
        self._deletion = Deletion(shell, self._service, self.refresh_history)
        self._build()
        self._connect()
        from .actions import add_commands

        add_commands(self, shell)
        self._on_settings()
        self._show_draft()
        self.refresh_history()

    def _build(self) -> None:
        self._middle = QStackedWidget()
        self._middle.addWidget(self.empty)
        self._middle.addWidget(self.transcript)
        below = QHBoxLayout()
        below.setContentsMargins(SPACE_L, SPACE_S, SPACE_L, SPACE_M)
        self.composer.setMaximumWidth(_WIDEST)
        below.addStretch(1)
        below.addWidget(self.composer, 100)
        below.addStretch(1)
        sheet = QFrame()
        set_role(sheet, "sheet")
        right = QVBoxLayout(sheet)
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(0)
        right.addWidget(self.find_bar)
        right.addWidget(self._middle, 1)
        right.addLayout(below)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.history)
        layout.addWidget(sheet, 1)
        self.setFocusProxy(self.composer.entry)
        self.setAcceptDrops(True)

    def _connect(self) -> None:
        history, composer, answering = self.history, self.composer, self.answering
        history.chosen.connect(self.open_item)
        history.new_wanted.connect(self.new)
        history.renamed.connect(self._rename)
        history.delete_wanted.connect(self.delete)
        history.search_changed.connect(self._search)
        history.left.connect(self.focus_composer)
        composer.sent.connect(self.send)
        composer.stopped.connect(self.stop)
        composer.edit_left.connect(self.leave_edit)
        composer.model_wanted.connect(self.choose_model)
        composer.parameters_wanted.connect(self.choose_parameters)
        composer.files_wanted.connect(lambda: self.files.ask(self))
        composer.entry.urls.connect(self.files.read)
        composer.entry.picture.connect(self.files.take_picture)
        composer.entry.up.connect(self.edit_last)
        self.files.ready.connect(composer.add)
        self.models.chosen.connect(self._take_model)
        self.parameters.saved.connect(self._take_parameters)
        self.transcript.wanted.connect(self.do)
        self.transcript.link_wanted.connect(self._show_link)
        self.find_bar.left.connect(self.focus_composer)
        self.empty.example.connect(self._take_example)
        self.empty.providers_wanted.connect(lambda: self._shell.open("providers"))
        answering.changed.connect(self._on_running)
        answering.added.connect(self._on_added)
        answering.ended.connect(self._on_ended)
        self._asking.created.connect(self._on_created)
        self._asking.unsent.connect(self._give_back)
        self._session.changed.connect(self._on_settings)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        self.composer.dragEnterEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        self.composer.dropEvent(event)

    # Tasks

    async def _service(self) -> ChatService:
        return await self._engine.open_chat()

    def _run(self, work: Coroutine[Any, Any, Any], failed: str) -> None:
        self._shell.start(work, failed=failed)

    def _start_answer(self, work: Coroutine[Any, Any, None]) -> Any:
        return self._shell.start(work, failed="The answer was lost")

    # Which conversation

    @property
    def current(self) -> str | None:
        """The open conversation's id, None of a new one."""
        return self._open.id if self._open is not None else None

    def open_item(self, argument: Any) -> None:
        """Open a conversation by its id."""
        self._wanted = str(argument)
        if self._wanted != self.current:
            self._run(self._show(self._wanted), "The conversation was not opened")
        self.focus_composer()

    def new(self) -> None:
        """Begin a conversation; nothing is kept before the first message."""
        self._keep_draft()
        self._wanted = _NEW
        self._open = None
        self.transcript.show_turns(())
        self._show_draft()
        self.history.mark(None)
        self.focus_composer()

    async def _show(self, conversation: str) -> None:
        service = await self._service()
        transcript = await service.open(conversation)
        if self._wanted == conversation:
            self._keep_draft()
            self._show_transcript(transcript)

    def _show_transcript(self, transcript: Transcript) -> None:
        """Show it at once, so that no event of a running answer falls between."""
        self._open = transcript.conversation
        self._wanted = self._open.id
        self.transcript.show_turns(transcript.turns, self.answering.progress)
        self._show_draft()
        self.history.model.seen(self._open.id)
        self.history.mark(self._open.id)

    def _keep_draft(self) -> None:
        key = self.current or _NEW
        before = self._drafts.get(key, Draft())
        self._drafts[key] = msgspec.structs.replace(
            before, text=self.composer.text, files=tuple(self.composer.files), editing=self.composer.editing
        )

    def _show_draft(self) -> None:
        key = self.current or _NEW
        self.composer.load(self._draft(key))
        self.composer.set_running(self.answering.running(key))
        self._show_choice()

    def _draft(self, key: str) -> Draft:
        if key not in self._drafts:
            chat = self._engine.settings.chat
            self._drafts[key] = Draft(system=chat.system) if key == _NEW else Draft()
        return self._drafts[key]

    def _show_choice(self) -> None:
        """Model and parameters of the open conversation, and what stands in place of an empty transcript."""
        model, system, params = self.choice()
        name = model or self._engine.default_model()
        self.composer.set_model(name, self.models.detail(name))
        self.composer.set_parameters(changed_count(system, params))
        said = bool(self.transcript.turns)
        self._middle.setCurrentWidget(self.transcript if said else self.empty)
        self.empty.show_state(name, can_ask=any(state.usable for state in self._engine.providers()) and bool(name))

    def choice(self) -> tuple[str, str, ChatParams]:
        """Model ("" is the default), system prompt and parameters that the next answer is asked with."""
        if self._open is not None:
            return (self._open.model, self._open.system, self._open.params)
        draft = self._draft(_NEW)
        return (draft.model, draft.system, draft.params)

    def focus_composer(self) -> None:
        self.composer.entry.setFocus(Qt.FocusReason.ShortcutFocusReason)

    # History

    def refresh_history(self) -> None:
        """Read the list again."""
        self._run(self._list(), "The conversations cannot be listed")

    async def _list(self) -> None:
        service = await self._service()
        searched = self._searched
        hits = await service.list(searched)
        if searched == self._searched:
            self.history.show_hits(hits, self._session.clock.now(), self.current, searched)
            self.models.recent = tuple(dict.fromkeys(hit.conversation.model for hit in hits if hit.conversation.model))[
                :5
            ]

    def _search(self, text: str) -> None:
        self._searched = text
        self.refresh_history()

    def _rename(self, conversation: str, title: str) -> None:
        async def rename() -> None:
            service = await self._service()
            renamed = await service.rename(conversation, title)
            if self.current == conversation:
                self._open = renamed
            await self._list()

        self._run(rename(), "The conversation was not renamed")

    def delete(self, conversation: str) -> None:
        """Delete it; the message that says so can undo it."""
        after = self.history.neighbour(conversation, 1) or self.history.neighbour(conversation, -1)
        title = next(
            (hit.conversation.title for hit in self.history.model.hits() if hit.conversation.id == conversation), ""
        )
        self._deletion.delete(conversation, title)
        if self.current == conversation:
            if after is not None and after != conversation:
                self.open_item(after)
            else:
                self.new()

    # Asking

    def send(self) -> None:
        """Send what is written: at the end, or beside the message that is edited."""
        content = self._content()
        key = self.current or _NEW
        if self.answering.running(key):
            return
        draft = self._draft(key)
        sent = msgspec.structs.replace(
            draft, text=self.composer.text, files=tuple(self.composer.files), editing=self.composer.editing
        )
        self._drafts[key] = msgspec.structs.replace(draft, text="", files=(), editing=None)
        self.composer.load(self._drafts[key])
        self._asking.send(self.current, content, sent)

    def _content(self) -> str | tuple[Part, ...]:
        text, files = self.composer.text.strip(), self.composer.files
        if not files:
            return text
        return (TextPart(text), *files) if text else tuple(files)

    def _give_back(self, conversation: str, sent: Draft) -> None:
        """Show again what could not be sent, unless something else was written meanwhile."""
        if (self.current or _NEW) == conversation and not self.composer.text:
            self.composer.load(sent)

    def _on_created(self, conversation: Conversation) -> None:
        """What was new is kept now."""
        self._drafts.pop(_NEW, None)
        self._drafts[conversation.id] = Draft()
        if self._wanted == _NEW:
            self._open = conversation
            self._wanted = conversation.id

    def stop(self) -> None:
        """Stop the answer of the open conversation; what came of it is kept."""
        if self.current is not None:
            self._asking.stop(self.current)

    # What a message offers

    def do(self, what: str, turn_id: str) -> None:
        """Do what a message offers: copy, edit, regenerate, previous, next."""
        turn = next((turn for turn in self.transcript.turns if turn.id == turn_id), None)
        if turn is None:
            return
        if what == "copy":
            QGuiApplication.clipboard().setText(turn.message.text)
            self._shell.notify("Copied", state="ok", seconds=2)
        elif what == "regenerate":
            if self.current is not None:
                self._asking.again(self.current, turn_id)
        elif what == "edit" and turn.message.role == "user":
            self._edit(turn)
        elif what in ("previous", "next"):
            self._switch(turn, -1 if what == "previous" else 1)

    def last_turn(self, role: str) -> Turn | None:
        """The last turn of a role, None before there is one."""
        return next((turn for turn in reversed(self.transcript.turns) if turn.message.role == role), None)

    def edit_last(self) -> None:
        """Edit the last question."""
        turn = self.last_turn("user")
        if turn is not None and not self.answering.running(self.current or _NEW):
            self._edit(turn)

    def _edit(self, turn: Turn) -> None:
        parts = turn.message.parts
        said = [part.text for part in parts if isinstance(part, TextPart) and words.attached_name(part) is None]
        files = tuple(part for part in parts if not isinstance(part, TextPart) or words.attached_name(part) is not None)
        self.composer.load(Draft("\n".join(said), files, turn.id))
        self.focus_composer()

    def leave_edit(self) -> None:
        """Leave the message as it was."""
        self.composer.load(Draft())
        self.focus_composer()

    def _switch(self, turn: Turn, by: int) -> None:
        at = turn.siblings.index(turn.id) + by if turn.id in turn.siblings else -1
        conversation = self.current
        if not 0 <= at < len(turn.siblings) or conversation is None or self.answering.running(conversation):
            return

        async def switch() -> None:
            transcript = await (await self._service()).switch(conversation, turn.siblings[at])
            if self._wanted == conversation:
                self._keep_draft()
                self._show_transcript(transcript)
                self.transcript.focus_turn(turn.siblings[at])

        self._run(switch(), "The other version was not shown")

    def _show_link(self, href: str, text: str, place: QPoint) -> None:
        self.link_card.ask(self.transcript, href, text, place)

    # What happens

    def _on_event(self, conversation: str, turn_id: str, event: Any) -> None:
        if self._open is not None and conversation == self._open.id:
            self.transcript.append(event, turn_id)

    def _on_running(self, conversation: str) -> None:
        self.history.model.set_running(self.answering.all_running())
        if conversation == self.current:
            self.composer.set_running(self.answering.running(conversation))
            if self.isVisible():
                self.history.model.seen(conversation)

    def _on_added(self, conversation: str, turn: Turn) -> None:
        if conversation == self.current:
            focused = QApplication.focusWidget()
            inside = focused is not None and self.transcript.isAncestorOf(focused)
            self.transcript.cut_after(turn.parent_id)
            self.transcript.begin(turn, self.answering.progress.get(turn.id))
            self._middle.setCurrentWidget(self.transcript)
            if inside and QApplication.focusWidget() is not focused:
                self.focus_composer()  # the message that had the keyboard is gone
        self.refresh_history()

    def _on_ended(self, conversation: str, turn: Turn) -> None:
        if conversation == self.current:
            self.transcript.end(turn)
        self.refresh_history()

    def _on_settings(self) -> None:
        self.composer.set_send_key(self._engine.settings.chat.send_key)
        self.models.forget()
        self._show_choice()

    # Model and parameters

    def choose_model(self) -> None:
        """Open the picker."""
        model = self.choice()[0] or self._engine.default_model()
        self.models.ask(self.composer, self._anchor(self.composer.model), model)

    def choose_parameters(self) -> None:
        """Open the parameters."""
        _, system, params = self.choice()
        self.parameters.ask(self.composer, self._anchor(self.composer.parameters), system, params)

    def _anchor(self, button: QWidget) -> QRect:
        return QRect(button.mapTo(self.composer, QPoint(0, 0)), button.size())

    def _take_model(self, model: str) -> None:
        self._change(model=model)

    def _take_parameters(self, system: str, params: ChatParams) -> None:
        self._change(system=system, params=params)

    def _change(self, **changes: Any) -> None:
        if self._open is None:
            self._drafts[_NEW] = msgspec.structs.replace(self._draft(_NEW), **changes)
            self._show_choice()
            return
        conversation = self._open.id

        async def change() -> None:
            changed = await (await self._service()).update(conversation, **changes)
            if self.current == conversation:
                self._open = changed
                self._show_choice()

        self._run(change(), "The change was not kept")

    def _take_example(self, text: str) -> None:
        self.composer.load(Draft(text))
        self.focus_composer()
