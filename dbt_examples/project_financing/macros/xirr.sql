{#
    The internal rate of return a year of dated cash flows, one row for each `key`: the rate at which their value at the first
    date is 0, with days / 365 as years, as XIRR of spreadsheets has it.

    Found by halving a bracket 60 times and rounded to ten places: slower than Newton, but it can't run away. NULL where there is
    none between -99 % and 1,000 %, or where there may be several: there is one where flows change their sign once (Descartes),
    and one that is not negative where their running total does (Norstrom 1972), as of a project with a bad year.

    relation: a table or CTE with the columns key, dated (DATE) and amount (what is paid is negative).
#}
{% macro xirr(relation, key, dated, amount) %}
(
    with recursive flows as (

        select
            {{ key }},
            {{ amount }}::double as amount,
            sign({{ amount }}) as direction,
            date_diff(
                'day',
                min({{ dated }}) over (partition by {{ key }}),
                {{ dated }}
            ) / 365.0 as years
        from {{ relation }}
        where {{ amount }} != 0

    ),

    turns as (

        select
            {{ key }},
            years,
            amount,
            direction,
            sign(sum(amount) over (partition by {{ key }} order by years)) as standing
        from flows

    ),

    counted as (

        select
            {{ key }},
            years,
            amount,
            direction != lag(direction) over in_time as is_turn,
            standing != lag(standing) over in_time as is_total_turn
        from turns
        window in_time as (partition by {{ key }} order by years)

    ),

    brackets as (

        select
            {{ key }},
            if(count(*) filter (where is_turn) = 1, -0.99, 0)::double as low,
            10.0::double as high,
            0 as step
        from counted
        group by {{ key }}
        having
            1 in (count(*) filter (where is_turn), count(*) filter (where is_total_turn))
            and sign(
                if(count(*) filter (where is_turn) = 1, sum(amount / pow(1 - 0.99, years)), sum(amount))
            ) != sign(sum(amount / pow(1 + 10.0, years)))

        union all

        -- the side of the bracket whose value has the sign of the whole at `low` moves to the middle
        select
            {{ key }},
            if(middle_value * low_value > 0, middle, low) as low,
            if(middle_value * low_value > 0, high, middle) as high,
            step + 1 as step
        from (
            select
                {{ key }},
                low,
                high,
                step,
                (low + high) / 2 as middle,
                sign(sum(amount / pow(1 + (low + high) / 2, years))) as middle_value,
                sign(sum(amount / pow(1 + low, years))) as low_value
            from brackets
            inner join flows using ({{ key }})
            where step < 60
            group by {{ key }}, low, high, step
        ) as halved

    )

    select
        {{ key }},
        round((low + high) / 2, 10) as xirr
    from brackets
    where step = 60
)
{% endmacro %}
