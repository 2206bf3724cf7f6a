from django.db import migrations

# A book's cycles do not overlap. A range of one hash stands for the book: Postgres indexes ranges
# in GiST by itself, whereas comparing UUIDs there takes an extension, which not every managed
# server allows. Two books could only meet in a hash by a chance of one in 2^64.
CYCLES_APART = """
ALTER TABLE credits_cycle ADD CONSTRAINT cycles_of_a_book_apart EXCLUDE USING gist (
    numrange(uuid_hash_extended(book_id, 0), uuid_hash_extended(book_id, 0), '[]') WITH &&,
    tstzrange(starts_at, ends_at) WITH &&
)
"""

# A wallet's parent, and both ends of a transfer, belong to the same book.
ONE_BOOK = """
ALTER TABLE credits_wallet ADD CONSTRAINT wallet_of_a_book UNIQUE (id, book_id);
ALTER TABLE credits_wallet ADD CONSTRAINT wallet_and_parent_in_one_book
    FOREIGN KEY (parent_id, book_id) REFERENCES credits_wallet (id, book_id);
ALTER TABLE credits_transfer ADD CONSTRAINT transfer_from_its_book
    FOREIGN KEY (from_wallet_id, book_id) REFERENCES credits_wallet (id, book_id);
ALTER TABLE credits_transfer ADD CONSTRAINT transfer_to_its_book
    FOREIGN KEY (to_wallet_id, book_id) REFERENCES credits_wallet (id, book_id);
"""

# Serial ids are not ordered by commit; a roll-up takes the events that every snapshot can see.
TRANSACTION_OF_EVENT = """
ALTER TABLE credits_usageevent ADD COLUMN xid xid8 NOT NULL DEFAULT pg_current_xact_id()
"""


class Migration(migrations.Migration):
    dependencies = [("credits", "0001_ledger")]

    operations = [
        migrations.RunSQL(
            CYCLES_APART, "ALTER TABLE credits_cycle DROP CONSTRAINT cycles_of_a_book_apart"
        ),
        migrations.RunSQL(
            ONE_BOOK,
            """
            ALTER TABLE credits_transfer DROP CONSTRAINT transfer_to_its_book;
            ALTER TABLE credits_transfer DROP CONSTRAINT transfer_from_its_book;
            ALTER TABLE credits_wallet DROP CONSTRAINT wallet_and_parent_in_one_book;
            ALTER TABLE credits_wallet DROP CONSTRAINT wallet_of_a_book;
            """,
        ),
        migrations.RunSQL(
            TRANSACTION_OF_EVENT, "ALTER TABLE credits_usageevent DROP COLUMN xid"
        ),
    ]
