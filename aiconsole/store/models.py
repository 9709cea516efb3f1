"""The conversations as peewee sees them. Their migration makes the tables; a test holds the two together.

The models are bound to no database, as two stores may be open in one process: pass one to ``execute``.
"""

from __future__ import annotations

from peewee import AutoField, BlobField, CompositeKey, FloatField, IntegerField, Model, TextField


class Conversation(Model):
    number = AutoField()
    id = TextField(unique=True)
    title = TextField(default="")
    created_at = FloatField()
    updated_at = FloatField()
    deleted_at = FloatField(null=True)
    leaf = IntegerField(null=True)
    model = TextField(default="")
    params = TextField(default="{}")
    system = TextField(default="")


class Turn(Model):
    seq = IntegerField(primary_key=True)
    id = TextField(unique=True)
    conversation = IntegerField()
    parent = IntegerField(null=True)
    role = TextField()
    state = TextField()
    created_at = FloatField()
    meta = TextField(null=True)
    error = TextField(null=True)
    text = TextField(default="")
    parts = TextField(null=True)


class Attachment(Model):
    number = AutoField()
    hash = BlobField(unique=True)
    data = BlobField()


class TurnAttachment(Model):
    turn = IntegerField()
    attachment = IntegerField()

    class Meta:
        table_name = "turn_attachment"
        primary_key = CompositeKey("turn", "attachment")


class Journal(Model):
    turn = IntegerField()
    position = IntegerField()
    deltas = TextField()

    class Meta:
        primary_key = CompositeKey("turn", "position")


MODELS = (Conversation, Turn, Attachment, TurnAttachment, Journal)
